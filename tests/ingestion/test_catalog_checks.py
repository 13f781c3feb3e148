"""What a catalog table may not say: two things for one key and day, or a partner chain that comes back to its start.

Both are compared with plain Python that walks through every day.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingestion.contracts import load_contract
from ingestion.deliveries import Refused
from ingestion.sources.catalog_checks import check
from ingestion.sources.catalog_edges import check_edges

DAYS = st.one_of(st.none(), st.integers(0, 8).map(lambda days: date(2026, 1, 1) + timedelta(days)))


def typed(table: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = load_contract(f"catalog.{table}").schema()
    numbered = [{"source_row": number, "source_file": "f", **row} for number, row in enumerate(rows, start=1)]
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in numbered], schema=schema)


def refused(table: str, rows: list[dict[str, Any]]) -> str:
    """The message that refuses the rows, or ""."""
    try:
        check(typed(table, rows), load_contract(f"catalog.{table}"), "f.csv")
    except Refused as refusal:
        return str(refusal)
    return ""


def share_a_day(one: dict[str, Any], other: dict[str, Any]) -> bool:
    days = [date(2025, 12, 31) + timedelta(day) for day in range(12)]

    def holds(row: dict[str, Any], day: date) -> bool:
        return (row["valid_from"] or date.min) <= day < (row["valid_to"] or date.max)

    return any(holds(one, day) and holds(other, day) for day in days)


BOUNDS = st.one_of(st.none(), st.integers(0, 3))
price = st.fixed_dictionaries(
    {
        "charge_id": st.sampled_from(["x", "y"]),
        "dimension_value": st.sampled_from([None, "ANY", "a"]),
        "tier": st.sampled_from([None, 1, 2]),
        "lower": BOUNDS,
        "upper": BOUNDS,
        "valid_from": DAYS,
        "valid_to": DAYS,
    }
)


def one_of_them_is_wrong(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Two tiers of one price that hold on one day: of two versions, one number, one quantity, or out of order."""
    if (one["charge_id"], one["dimension_value"] or "ANY") != (other["charge_id"], other["dimension_value"] or "ANY"):
        return False
    if not share_a_day(one, other):
        return False
    days = [(row["valid_from"] or date.min, row["valid_to"] or date.max) for row in (one, other)]
    numbers = [row["tier"] or 1 for row in (one, other)]
    lowers = [row["lower"] or 0 for row in (one, other)]
    held = [
        {half for half in range(20) if lower < half / 2 <= (9 if row["upper"] is None else row["upper"])}
        for row, lower in zip((one, other), lowers, strict=True)
    ]
    in_order = (numbers[0] < numbers[1]) == (lowers[0] < lowers[1])
    return days[0] != days[1] or numbers[0] == numbers[1] or bool(held[0] & held[1]) or not in_order


@given(st.lists(price, max_size=6))
@settings(max_examples=400, deadline=None)
def test_prices_that_hold_on_the_same_days_are_rejected(rows: list[dict[str, Any]]) -> None:
    """Fails when two versions of one price overlap, or two of its tiers, whatever their numbers, also where empty
    stands for any; or when tiers that lie side by side are refused (48, 49)."""
    is_narrow = any(row["upper"] is not None and row["upper"] <= (row["lower"] or 0) for row in rows)
    clash = any(one_of_them_is_wrong(one, other) for place, one in enumerate(rows) for other in rows[place + 1 :])
    assert bool(refused("charge_prices", rows)) == (clash or is_narrow)


@pytest.mark.parametrize(
    ("terms", "columns", "remedy"),
    [
        ({"lower": 9}, "columns lower and upper", "begin each tier where the one below it ends"),
        ({"lower": 10, "valid_to": date(2026, 3, 1)}, "columns valid_from and valid_to", "the same days"),
        ({"lower": 10, "valid_from": date(2026, 2, 1)}, "columns valid_from and valid_to", "end a version the day"),
        ({"lower": 10, "tier": 0}, "columns tier", "number tiers from the lowest"),
        ({"lower": 10, "upper": 10}, "column upper", "correct the bounds"),
        ({"lower": -1, "upper": 0}, "column lower", "correct the bounds"),
    ],
)
def test_tiers_that_contradict_each_other_are_named_with_rows_and_remedy(
    terms: dict[str, Any], columns: str, remedy: str
) -> None:
    """Faults 47 and 48. Fails when a quantity is priced by two tiers or two versions, or a tier could hold none."""
    first = {"charge_id": "x", "tier": 1, "upper": 10, "valid_from": date(2026, 1, 1)}
    second = {"charge_id": "x", "tier": 2, "lower": 10, "valid_from": date(2026, 1, 1)}
    assert refused("charge_prices", [first, second]) == ""
    message = refused("charge_prices", [first, second | terms])
    assert message.startswith("f.csv, row") and f"{columns}: " in message
    assert remedy in message and "(contract catalog.charge_prices 1.0.0)" in message


def test_a_vendors_tiers_may_change_one_by_one_but_never_overlap() -> None:
    """Fails when a list's tiers must all change on one day, or two of them price one quantity on a day (48)."""
    low = {"vendor": "aws", "pool": "p", "currency": "USD", "upper": 10, "valid_from": date(2026, 1, 1)}
    high = {"vendor": "aws", "pool": "p", "currency": "USD", "lower": 10}
    assert refused("vendor_prices", [low, high]) == ""
    assert "rows 1 and 2, columns lower and upper" in refused("vendor_prices", [low | {"upper": 11}, high])
    assert refused("vendor_prices", [low | {"upper": 11}, high | {"valid_to": date(2026, 1, 1)}]) == ""


@pytest.mark.parametrize(
    ("terms", "column", "remedy"),
    [({"meter_id": None}, "meter_id", "name the meter"), ({"discount": 20}, "discount", "0.2 is 20 %")],
)
def test_a_charge_that_could_charge_nothing_is_refused(terms: dict[str, Any], column: str, remedy: str) -> None:
    """Fault 47. Fails when a usage charge without a meter loads, whose usage nobody would ever miss."""
    charge = {"charge_id": "x", "charge_type": "usage", "charge_model": "per_unit", "meter_id": "m", "discount": 1}
    message = refused("plan_charges", [charge, charge | {"charge_id": "y"} | terms])
    assert message.startswith(f"f.csv, row 2, column {column}: ")
    assert remedy in message and "(contract catalog.plan_charges 1.0.0)" in message
    assert (
        refused("plan_charges", [charge, charge | {"charge_id": "y", "charge_model": "flat", "meter_id": None}]) == ""
    )


@pytest.mark.parametrize(
    ("table", "good", "terms", "column", "remedy"),
    [
        ("price_rules", {"kind": "fixed", "value": 0}, {"value": None}, "value", "0 where it is free"),
        ("price_rules", {"kind": "discount", "value": 1}, {"value": 10}, "value", "0.2 is 20 %"),
        ("price_rules", {"kind": "pass_through", "value": None}, {"kind": "fixed"}, "value", "price of one unit"),
        ("fx_rates", {"rate": 150}, {"rate": 0}, "rate", "above 0"),
        ("fx_rates", {"rate": 150}, {"rate": -1}, "rate", "above 0"),
        ("agreements", {"fx_fixed_rate": 150}, {"fx_fixed_rate": 0}, "fx_fixed_rate", "above 0"),
        ("agreements", {"fx_fixed_rate": None}, {"fx_fixed_rate": -1}, "fx_fixed_rate", "above 0"),
        ("tax_rates", {"rate": 1}, {"rate": 19}, "rate", "0.2 is 20 %"),
        ("tax_rates", {"rate": None}, {"rate": -1}, "rate", "0.2 is 20 %"),
        ("adjustments", {"share": 1}, {"share": 10}, "share", "0.2 is 20 %"),
        ("adjustments", {"share": 0}, {"share": -1}, "share", "0.2 is 20 %"),
        ("adjustments", {"amount": 50}, {"amount": -50}, "amount", "without the minus"),
    ],
)
def test_a_price_or_rate_that_would_charge_nothing_by_accident_is_refused(
    table: str, good: dict[str, Any], terms: dict[str, Any], column: str, remedy: str
) -> None:
    """Faults 47, 54. Fails when a missing price is read as 0, ten per cent as ten times, or a rate turns signs."""
    names = {
        "price_rules": ("rule_id", "sku"),
        "fx_rates": ("from_currency", "to_currency"),
        "agreements": ("agreement_id", "buyer_id"),
        "tax_rates": ("seller_country", "tax_category"),
        "adjustments": ("adjustment_id", "charge_id"),
    }[table]
    first, second = (good | dict.fromkeys(names, name) for name in ("AAA", "BBB"))
    message = refused(table, [first, second | terms])
    assert message.startswith(f"f.csv, row 2, column {column}: ")
    assert remedy in message
    assert refused(table, [first, second]) == ""


def test_an_overlap_is_named_with_rows_and_remedy() -> None:
    """Fails when the message does not say which rows clash and what to do."""
    rows = [{"charge_id": "x", "valid_to": date(2026, 2, 1)}, {"charge_id": "x", "valid_from": date(2026, 1, 31)}]
    message = refused("charge_prices", rows)
    assert message.startswith("f.csv: rows 1 and 2 hold on the same days for the same charge_id, dimension_value, tier")
    assert "end one the day the other starts" in message
    rows[1]["valid_from"] = date(2026, 2, 1)
    assert refused("charge_prices", rows) == ""


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        ("parties", [{"party_id": "A"}, {"party_id": "A"}]),
        ("plans", [{"plan_id": "A"}, {"plan_id": "B"}, {"plan_id": "A"}]),
        ("fx_rates", [{"from_currency": "EUR", "to_currency": "USD", "period": "2026-01"}] * 2),
        ("expected_sources", [{"source": "edge", "seller_id": "A"}] * 2),
        ("resource_owners", [{"resource_kind": "k", "resource_id": "1", "party_id": party} for party in "AB"]),
        ("payers", [{"payer_id": "1", "vendor": "aws", "party_id": party} for party in "AB"]),
        ("price_rules", [{"rule_id": rule, "agreement_id": "1", "service": "s"} for rule in "ab"]),
        ("price_rules", [{"rule_id": "a", "agreement_id": agreement} for agreement in "12"]),
        ("tax_rates", [{"seller_country": "DE", "buyer_country": country} for country in (None, "ANY")]),
        ("subscriptions", [{"subscription_id": "1", "start_date": date(2026, 1, day)} for day in (1, 2)]),
        ("vendor_prices", [{"vendor": "aws", "lower": None}, {"vendor": "aws", "lower": 0}]),
        ("agreements", [{"agreement_id": "1", "seller_id": "A", "buyer_id": buyer} for buyer in "BC"]),
    ],
)
def test_two_rows_for_one_thing_are_rejected(table: str, rows: list[dict[str, Any]]) -> None:
    """Fails when a key of the catalog can stand twice, nulls included: joins would multiply rows (48, 49)."""
    assert "f.csv: rows" in refused(table, rows)


def test_rules_of_other_matches_stand_side_by_side() -> None:
    """Fails when a rule for any service clashes with one for a named service: the narrower wins, both are needed."""
    rows = [{"agreement_id": "1", "service": None}, {"agreement_id": "1", "service": "s"}, {"agreement_id": "2"}]
    assert refused("price_rules", [row | {"rule_id": str(number)} for number, row in enumerate(rows)]) == ""


# The partner chain: circles and two sellers.

edge = st.tuples(
    st.sampled_from("ABCDE"), st.sampled_from("ABCDE"), st.sampled_from([None, None, "aws", "azure"]), DAYS, DAYS
)


def agreements(edges: Sequence[tuple[Any, ...]]) -> list[dict[str, Any]]:
    names = ("seller_id", "buyer_id", "vendor", "valid_from", "valid_to")
    return [{"agreement_id": str(n), **dict(zip(names, edge, strict=True))} for n, edge in enumerate(edges)]


def expected_fault(rows: list[dict[str, Any]]) -> str:
    """Day by day and vendor by vendor, by walking every chain."""
    days = [date(2025, 12, 31) + timedelta(day) for day in range(12)]
    fault = ""
    for day in days:
        holding = [r for r in rows if (r["valid_from"] or date.min) <= day < (r["valid_to"] or date.max)]
        like = [(row["buyer_id"], row["vendor"]) for row in holding]
        if len(like) != len(set(like)):
            return "two sellers"
        for vendor in ("aws", "azure", "another"):
            for start in "ABCDE":
                party, seen = start, []
                while party is not None and party not in seen:
                    seen.append(party)
                    own = [r["seller_id"] for r in holding if (r["buyer_id"], r["vendor"]) == (party, vendor)]
                    any_ = [r["seller_id"] for r in holding if (r["buyer_id"], r["vendor"]) == (party, None)]
                    party = (own + any_ + [None])[0]
                if party is not None:
                    fault = "circle"
    return fault


@given(st.lists(edge, max_size=7))
@settings(max_examples=500, deadline=None)
@example([("A", "B", None, None, None), ("B", "A", "aws", None, None)])
@example([("A", "B", "azure", None, None), ("B", "A", "aws", None, None)])
@example([("A", "B", None, None, None), ("B", "A", "aws", None, None), ("C", "B", "aws", None, None)])
def test_circles_and_second_sellers_are_rejected_and_nothing_else(edges: list[tuple[Any, ...]]) -> None:
    """Fails when a circle that exists for some vendor on some day is loaded, or a chain without one refused (50)."""
    rows = agreements(edges)
    try:
        check_edges(typed("agreements", rows), load_contract("catalog.agreements"), "f.csv")
        found = ""
    except Refused as refusal:
        found = "circle" if "is a circle" in str(refusal) else "two sellers"
    assert found == expected_fault(rows)


def chain(length: int, closed: bool) -> list[tuple[Any, ...]]:
    parties = [f"P{number}" for number in range(length + 1)]
    edges = [(seller, buyer, None, None, None) for seller, buyer in pairwise(parties)]
    return edges + ([(parties[-1], parties[0], None, None, None)] if closed else [])


@pytest.mark.parametrize("length", [1, 2, 10, 300])
def test_a_circle_is_found_at_any_depth_and_its_path_named(length: int) -> None:
    """Fails when a long chain hides its circle, or the message does not say how it goes (fault 50)."""
    contract = load_contract("catalog.agreements")
    check_edges(typed("agreements", agreements(chain(length, closed=False))), contract, "f.csv")
    with pytest.raises(Refused) as refusal:
        check_edges(typed("agreements", agreements(chain(length, closed=True))), contract, "f.csv")
    path = " -> ".join(f"P{number}" for number in [*range(length + 1), 0])
    named = str(refusal.value).split(": ")[2].split(" is a circle")[0]
    assert sorted(named.split(" -> ")[1:]) == sorted(path.split(" -> ")[1:])
    assert f"{named} -> {named}".find(path.removesuffix(" -> P0")) >= 0


def test_a_party_that_sells_to_itself_is_a_circle() -> None:
    """Fails when the shortest circle passes (fault 50)."""
    assert "A -> A is a circle" in refused("agreements", agreements([("A", "A", None, None, None)]))


METER = {"meter_id": "m", "resource_kind": "edge_server", "series": "s", "sample_type": "counter", "aggregation": "sum"}


@pytest.mark.parametrize(
    ("terms", "column", "remedy"),
    [
        ({"aggregation": "mean_time_weighted"}, "aggregation", "take sum"),
        ({"aggregation": "weighted_sum"}, "aggregation", "mean_time_weighted"),
        ({"aggregation": "unique_count"}, "aggregation", "count"),
        ({"sample_type": "gauge", "aggregation": "weighted_sum"}, "aggregation", "take mean_time_weighted"),
        ({"sample_type": "delta", "aggregation": "mean_time_weighted"}, "aggregation", "take weighted_sum"),
        ({"sample_type": "event", "aggregation": "mean_time_weighted"}, "aggregation", "take weighted_sum"),
        ({"resource_kind": "api_provider", "series": "wso2/bytes"}, "sample_type", "write event"),
        ({"sample_type": "gauge", "wrap_at": 4294967296}, "wrap_at", "leave it empty"),
        ({"wrap_at": 0}, "wrap_at", "above 0"),
        ({"filter": "plan=paid;region"}, "filter", "key=value"),
        ({"filter": " =paid"}, "filter", "key=value"),
    ],
)
def test_a_meter_without_meaning_is_refused(terms: dict[str, Any], column: str, remedy: str) -> None:
    """Fails when a meter that could never measure what it says is loaded, or row and remedy are not named."""
    good = {**METER, "filter": "plan=paid; region=;", "wrap_at": 4294967296}
    message = refused("meters", [good, {**METER, "meter_id": "n", **terms}])
    assert message.startswith(f"f.csv, row 2, column {column}: ")
    assert remedy in message and "(contract catalog.meters 1.1.0)" in message
    assert refused("meters", [good]) == ""


def test_one_series_starts_over_at_one_value() -> None:
    """Fault 36. Fails when two meters say two widths of one counter, however spelt: one would be ignored."""
    series = [{**METER, "series": "if.octets", "wrap_at": 2**32}, {**METER, "meter_id": "n", "series": "if/octets"}]
    assert refused("meters", series) == ""
    message = refused("meters", [series[0], series[1] | {"wrap_at": 2**64}])
    assert "rows 1 and 2, column wrap_at" in message and "4294967296 and at 18446744073709551616" in message
