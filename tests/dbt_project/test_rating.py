"""Rating against an independent reference: many random agreements, prices and subscriptions in one dbt build.

The marts a month is rated from (account costs, metered usage) are given as tables; everything from there on is dbt's.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.dbt_project.rating_cases import chains, recurring_plans, usage_plans
from tests.dbt_project.rating_worlds import World
from tests.dbt_project.records_cases import rate_records, record_plans

pytestmark = [pytest.mark.dbt, pytest.mark.slow]

MODELS = ["staging.catalog", "restatement_reasons", "intermediate.rating", "marts.rating", "marts.invoicing"]
ZERO = Decimal(0)


@pytest.fixture(scope="module")
def world() -> World:
    random_numbers = random.Random(20260)
    made = World()
    for number in range(60):
        chains(made, random_numbers, f"c{number}")
    for number in range(120):
        usage_plans(made, random_numbers, f"u{number}")
    for number in range(260):
        record_plans(made, random_numbers, f"e{number}")
    for number in range(150):
        recurring_plans(made, random_numbers, f"r{number}")
    return made


@pytest.fixture(scope="module")
def rated(world: World, scratch_warehouse: Callable[..., Any]) -> Any:
    warehouse = scratch_warehouse(world.lake_rows())
    with warehouse.connect() as connection:
        for statement in world.given_marts():
            connection.execute(statement)
    world.fill_marts(warehouse)
    rate_the_quarter(warehouse)
    return warehouse


def rate_the_quarter(warehouse: Any) -> None:
    """Runs January to March, and the data tests that read nothing but what was built."""
    months = ["--event-time-start", "2026-01-01", "--event-time-end", "2026-04-01"]
    told = ["--indirect-selection", "cautious", "--exclude-resource-type", "unit_test"]
    done = warehouse.dbt("build", "--select", *MODELS, *months, *told)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def by_key(rows: list[tuple[Any, ...]]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    width = 3
    return {row[:width]: row[width:] for row in rows}


def test_every_edge_of_a_chain_charges_what_the_reference_charges(world: World, rated: Any) -> None:
    """Fails when a markup, discount, fixed price, conversion or cost view is applied to the wrong amount or twice."""
    expected: dict[tuple[Any, ...], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO, ZERO])
    world.walk_chains(expected)
    found = by_key(
        rated.rows(
            "select billing_period, agreement_id, charge_key, sum(amount), sum(upstream_amount), sum(quantity) "
            "from fct_rated_charges where payer_account_id is not null and not is_vendor_edge group by all"
        )
    )
    assert len(found) > 500
    assert {key: tuple(value) for key, value in expected.items()} == found


def test_what_no_chain_reaches_is_listed_with_its_reason(world: World, rated: Any) -> None:
    """Fails when a cost is neither charged nor listed, or listed with another amount than the bill has."""
    expected: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    world.walk_chains(defaultdict(lambda: [ZERO, ZERO, ZERO]), expected)
    found = {
        row[:-1]: row[-1]
        for row in rated.rows(
            "select billing_period, reason, resource_id, sum(amount) from fct_unrated_usage "
            "where kind = 'cost' group by all"
        )
    }
    assert {row[1] for row in found} == {"unassigned", "no_agreement", "missing_fx_rate"}
    assert dict(expected) == found


def test_usage_charges_equal_the_reference(world: World, rated: Any) -> None:
    """Fails when tiers, included units, windows, dimensions or price versions are put together in another way."""
    expected = world.rate_usage()
    found = {
        row[:2]: row[2:]
        for row in rated.rows(
            "select billing_period, charge_id, sum(amount), "
            "sum(case when component = 'included' then quantity else 0 end), "
            "sum(case when component = 'usage' then quantity else 0 end) "
            "from fct_rated_charges where charge_id like 'u%' group by all"
        )
    }
    assert len(found) > 150
    for key in expected.keys() | found.keys():
        assert found.get(key, (ZERO, ZERO, ZERO)) == expected.get(key, (ZERO, ZERO, ZERO)), key


def test_charges_of_every_model_over_single_events_equal_the_reference(world: World, rated: Any) -> None:
    """Fails when blocks, shares, per-event limits, windows, prorated units, allowances, discounts or the limits of a
    price are put together in another way than the page says, on any component."""
    expected = rate_records(world)
    found = {
        row[:3]: row[3]
        for row in rated.rows(
            "select billing_period, charge_id, case when component = 'included' then 'free' else component end as part,"
            " sum(case when component in ('included', 'free') then quantity else amount end)"
            " from fct_rated_charges where charge_id like 'e%' group by all"
        )
    }
    assert len(found) > 900
    assert {part for _, _, part in found} == {"usage", "tier_fee", "free", "discount", "minimum", "maximum"}
    both = {key: (found.get(key, ZERO), expected.get(key, ZERO)) for key in expected.keys() | found.keys()}
    assert {key: amounts for key, amounts in both.items() if amounts[0] != amounts[1]} == {}


def test_price_times_quantity_is_the_amount_on_every_usage_row(rated: Any) -> None:
    """Fails when a row sums over prices, or free units stand on a row with a price."""
    wrong = rated.rows(
        "select charge_key, quantity, unit_price, amount from fct_rated_charges "
        "where substr(charge_id, 1, 1) in ('u', 'e')"
        " and (unit_price is null or cast(quantity * unit_price as decimal(38, 12)) <> amount)"
    )
    assert wrong == []


def test_usage_without_a_price_is_listed(world: World, rated: Any) -> None:
    """Fails when usage in a price gap, of an unbuilt model or without a charge disappears or is priced 0."""
    found = {
        row[:-1]: row[-1]
        for row in rated.rows(
            "select billing_period, meter_id, reason, sum(quantity) from fct_unrated_usage where kind = 'usage' "
            "group by all having sum(quantity) <> 0"
        )
    }
    reasons = {"price_gap", "model_not_supported", "no_subscription", "unassigned", "missing_fx_rate"}
    assert {reason for _, _, reason in found} == reasons
    assert found == world.unrated_usage()


def test_unrated_usage_names_the_seller_it_concerns(rated: Any) -> None:
    """Fails when what one seller did not price holds the close of all others, or nobody's."""
    found = rated.rows(
        "select reason, count(*),"
        " count(*) filter (seller_id = split_part(coalesce(meter_id, charge_id), '-', 1) || '-seller'),"
        " count(*) filter (seller_id is null) from fct_unrated_usage where kind = 'usage' group by all"
    )
    assert all(told == (rows if reason != "unassigned" else 0) for reason, rows, told, _ in found)
    assert [nobody == rows for reason, rows, _, nobody in found if reason == "unassigned"] == [True]


def test_recurring_charges_equal_the_reference(world: World, rated: Any) -> None:
    """Fails when a charge period, its billing month, its live days or its proration is counted otherwise."""
    expected = world.rate_recurring()
    found = {
        row[:2]: row[2]
        for row in rated.rows(
            "select billing_period, charge_id, sum(amount) from fct_rated_charges "
            "where charge_id like 'r%' group by all"
        )
    }
    assert len(found) > 150
    for key in expected.keys() | found.keys():
        assert found.get(key, ZERO) == expected.get(key, ZERO), key


def test_charges_of_end_customers_are_vendor_cost_plus_margins(world: World, rated: Any) -> None:
    """Fails when money appears or disappears between two edges of a chain, in any currency (faults, invariant 2)."""
    rows = rated.rows(
        """
        with ends as (
            select billing_period, currency, sum(amount) as amount from fct_rated_charges
            where consumer_id = buyer_id and not is_vendor_edge and payer_account_id is not null group by all
        ),
        margins as (
            select margin.billing_period, margin.currency, sum(margin.margin) as amount from fct_margin as margin
            where charge_key like 'aws/%' group by all
        )
        select billing_period, currency, coalesce(ends.amount, 0) - coalesce(margins.amount, 0)
        from ends full outer join margins using (billing_period, currency) order by 1, 2
        """
    )
    assert {row[1] for row in rows} >= {"USD", "EUR", "JPY"}
    assert {row[:2]: row[2] for row in rows if row[2] != 0} == world.resold_cost()


def test_lines_of_an_edge_and_month_are_its_rounded_sum(rated: Any) -> None:
    """Fails when thousands of tiny lines lose or win cents (fault 55)."""
    wrong = rated.rows(
        """
        with exact as (
            select agreement_id, service_period, sum(exact_amount) as amount, max(minor_unit) as minor_unit
            from intermediate.int_rating__keys_rated where is_rated group by all
        ),
        lines as (
            select agreement_id, service_period, sum(amount) as amount
            from intermediate.int_rating__lines_drafted group by all
        )
        select exact.agreement_id, exact.service_period, exact.amount, lines.amount
        from exact left join lines using (agreement_id, service_period)
        where coalesce(lines.amount, 0)
            <> case minor_unit
                when 0 then cast(cast(exact.amount as decimal(38, 0)) as decimal(38, 4))
                else cast(cast(exact.amount as decimal(38, 2)) as decimal(38, 4))
            end
        """
    )
    assert wrong == []
    assert rated.rows("select count(*) > 30 from fct_invoice_lines where description = 'Rounding'") == [(True,)]


def test_every_difference_between_hops_is_explained(rated: Any) -> None:
    """Fails when money leaves the chain on a way nobody named."""
    rows = rated.rows("select * from fct_reconciliation where unexplained <> 0")
    assert rows == []


def test_a_second_run_of_the_months_changes_nothing(rated: Any) -> None:
    """Fails when a month's rows depend on an earlier run of it (faults, invariant 4)."""
    query = (
        "select * from fct_rated_charges order by all",
        "select * from fct_invoice_lines order by all",
        "select * from fct_invoices order by all",
    )
    before = [rated.rows(text) for text in query]
    rate_the_quarter(rated)
    assert [rated.rows(text) for text in query] == before
