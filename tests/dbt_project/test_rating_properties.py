"""What must hold of any price, on the reference that dbt is compared with digit by digit (test_rating.py)."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.dbt_project.rating_cases import tiers_of
from tests.dbt_project.rating_reference import add_months, billed_share, day_in, share
from tests.dbt_project.records_reference import Record, rated

MONTH = date(2026, 3, 1)
MONOTONE = ["per_unit", "graduated", "package", "graduated_percentage", "p95"]
quantities = st.lists(st.decimals("0", "90", places=6, allow_nan=False), min_size=1, max_size=12)
seeds = st.integers(0, 2**32)


def charge_of(model: str, **terms: Any) -> dict[str, Any]:
    return {
        "charge_model": model, "included_quantity": None, "free_events": None, "free_amount": None, "discount": None,
        "prorate_units": None, **terms,
    }  # fmt: skip


def version_of(seed: int, model: str) -> dict[str, Any]:
    draw = random.Random(seed)
    tiers = tiers_of(draw)
    for tier in tiers:
        tier |= {"rate": Decimal(draw.randrange(500)).scaleb(-4)}
        if model == "package":
            tier |= {"package_size": Decimal(draw.randrange(1, 300)).scaleb(-1), "round_down": draw.random() < 0.5}
    if model in ("per_unit", "package"):
        tiers = [tiers[0] | {"upper": None}]
    return {"dimension_value": None, "valid_from": date(1900, 1, 1), "valid_to": date(9999, 12, 31), "tiers": tiers}


def records_of(version: dict[str, Any], amounts: list[Decimal]) -> list[Record]:
    start, seconds = datetime(2026, 3, 1), Decimal(31 * 86400)
    return [
        Record(
            start + timedelta(minutes=at), f"{at:03d}", "ANY", MONTH, amount, MONTH, seconds - 60 * at, seconds, version
        )
        for at, amount in enumerate(amounts)
    ]


def total(model: str, version: dict[str, Any], records: list[Record], **terms: Any) -> Decimal:
    amounts = rated(charge_of(model, **terms), [version], records, MONTH)
    return sum((amount for component, amount in amounts.items() if component != "free"), Decimal(0))


@given(st.sampled_from(MONOTONE), seeds, quantities, st.decimals("0", "50", places=6))
def test_more_usage_never_costs_less(model: str, seed: int, used: list[Decimal], more: Decimal) -> None:
    """Fails where a model that adds up its parts gets cheaper with one more record; volume and stairstep may."""
    version = version_of(seed, model)
    records = records_of(version, [*used, more])
    # Parts are rounded at 12 decimals, each at its own price: a sum of them may be short by that much.
    assert total(model, version, records) >= total(model, version, records[:-1]) - Decimal("1e-11")


@given(st.sampled_from([*MONOTONE, "volume", "stairstep"]), seeds, quantities, st.randoms())
def test_the_order_and_the_parts_of_deliveries_do_not_matter(
    model: str, seed: int, used: list[Decimal], draw: Any
) -> None:
    """Fails where a month costs otherwise when its records come in another order, or one of them in two halves."""
    version = version_of(seed, model)
    records = records_of(version, used)
    shuffled = draw.sample(records, len(records))
    half = Decimal(draw.randrange(1000)).scaleb(-3)
    first = shuffled.pop()
    for name, quantity in (("a", first.quantity * half), ("b", first.quantity - first.quantity * half)):
        shuffled.append(
            Record(
                first.at, first.name + name, "ANY", MONTH, quantity, MONTH, first.seconds_left, first.seconds, version
            )
        )
    included = Decimal(draw.randrange(2000)).scaleb(-1)
    assert total(model, version, shuffled, included_quantity=included) == total(
        model, version, records, included_quantity=included
    )


@given(
    st.sampled_from(["actual_days", "assume_30", "strict_30_360", "second"]),
    st.dates(date(2024, 1, 1), date(2028, 12, 1)),
    st.integers(1, 31),
    st.integers(0, 400),
    st.decimals("0", "10000", places=4),
)
def test_adjacent_parts_of_a_charge_period_add_up_to_the_whole(
    policy: str, any_day: date, billing_day: int, cut: int, price: Decimal
) -> None:
    """Fails where a change of plan in mid-period bills a day twice or not at all, under any policy that counts days, or
    where twelve months of 30 days make a whole charge period more or less than 30, whatever its billing day."""
    opens, closes = (day_in(add_months(any_day.replace(day=1), number), billing_day) for number in (0, 1))
    days = [opens + timedelta(days=number) for number in range((closes - opens).days)]
    cut %= len(days)
    parts = [billed_share(policy, part, opens, closes, 1, billing_day) for part in (days[:cut], days[cut:])]
    whole = billed_share(policy, days, opens, closes, 1, billing_day)
    assert sum(part for part, _ in parts) == whole[0] and {of for _, of in parts} == {whole[1]}
    assert abs(sum(share(price, *part) for part in parts) - share(price, *whole)) <= Decimal("1e-12")
    if policy == "strict_30_360":
        assert whole == (30, 30)
