"""The reference gives the answers money.md works by hand; the sample's truth keeps its invariants."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from samples.catalog_files import CATALOG_COLUMNS
from samples.edge_files import Metric
from samples.reference.catalog import Catalog
from samples.reference.chain import rate_costs
from samples.reference.charges import rate_subscriptions
from samples.reference.costs import costs, totals
from samples.reference.invoices import Line, drifts
from samples.reference.metering import Usage, holds, quantities, steps
from samples.reference.metering import meter as metered
from samples.reference.numbers import rounded
from tests.worlds.builder import line, reservation

D = Decimal
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def _catalog(**tables):
    return Catalog({name: [] for name in CATALOG_COLUMNS} | tables)


def _bill_line(hours=1, **columns):
    begin = columns.pop("start", NEW_YEAR)
    return {
        "line_item_line_item_type": "Usage",
        "line_item_product_code": "AmazonEC2",
        "line_item_usage_type": "BoxUsage:m5.large",
        "line_item_usage_start_date": begin,
        "line_item_usage_end_date": begin + timedelta(hours=hours),
        "line_item_usage_amount": D(1),
        "line_item_currency_code": "USD",
        "line_item_unblended_cost": D(0),
    } | line(**columns)


def test_a_shared_reservation_as_the_page_tells_it():
    """Fails when the views of the page's example (720 hours at 0.060, A runs 500, B 300) are not the page's."""
    arn = reservation("A")
    lines = [
        _bill_line(type="DiscountedUsage", account="A", ri=arn, ri_effective=D("30.00")),
        _bill_line(type="DiscountedUsage", account="B", ri=arn, ri_effective=D("13.20")),
        _bill_line(account="B", cost=D("7.68")),
        _bill_line(
            type="RIFee", account="A", ri=arn, cost=D("43.20"), ri_unused_upfront=D(0), ri_unused_recurring=D(0)
        ),
    ]
    found = totals(costs("A", "2026-01", lines), "view", "account")
    assert found == {
        ("billed", "A"): D("43.20"),
        ("billed", "B"): D("7.68"),
        ("effective", "A"): D("30.00"),
        ("effective", "B"): D("20.88"),
        ("owner", "A"): D("43.20"),
        ("owner", "B"): D("7.68"),
    }


def test_a_chain_of_markups_as_the_page_tells_it():
    """Fails when 88.00 with 5 % and 10 % does not become 92.40 and 101.64, or the vendor's tax is resold."""
    catalog = _catalog(
        parties=[
            {"party_id": "aws", "role": "vendor"},
            {"party_id": "dist", "role": "distributor"},
            {"party_id": "res", "role": "reseller"},
            {"party_id": "cust", "role": "customer"},
        ],
        agreements=[
            {"agreement_id": "a0", "seller_id": "aws", "buyer_id": "dist", "currency": "USD", "vendor": "aws"},
            {"agreement_id": "a1", "seller_id": "dist", "buyer_id": "res", "currency": "USD"},
            {"agreement_id": "a2", "seller_id": "res", "buyer_id": "cust", "currency": "USD"},
        ],
        price_rules=[
            {"rule_id": "r1", "agreement_id": "a1", "kind": "markup", "value": "0.05"},
            {"rule_id": "r2", "agreement_id": "a2", "kind": "markup", "value": "0.10"},
        ],
        resource_owners=[{"resource_kind": "aws_account", "resource_id": "B", "party_id": "cust"}],
    )
    lines = [_bill_line(account="B", cost=D("88.00")), _bill_line(type="Tax", account="B", cost=D("8.00"))]
    found = {
        (row.agreement, row.key): (row.upstream, row.amount)
        for row in rate_costs(catalog, costs("P", "2026-01", lines))
    }
    usage, tax = "aws/B/AmazonEC2/BoxUsage:m5.large/Usage", "aws/B/AmazonEC2/BoxUsage:m5.large/Tax"
    assert found == {
        ("a0", usage): (None, D("88.00")),
        ("a0", tax): (None, D("8.00")),
        ("a1", usage): (D("88.00"), D("92.40")),
        ("a2", usage): (D("92.40"), D("101.64")),
    }


def _rated(model, tiers, quantity, **subscription):
    """Amount of a usage charge of one month for a quantity used on 5 January."""
    catalog = _catalog(
        agreements=[{"agreement_id": "a", "seller_id": "s", "buyer_id": "b", "currency": "USD"}],
        plans=[{"plan_id": "p", "currency": "USD"}],
        meters=[{"meter_id": "m"}],
        plan_charges=[
            {"charge_id": "c", "plan_id": "p", "charge_type": "usage", "charge_model": model, "meter_id": "m"}
        ],
        charge_prices=[{"charge_id": "c"} | tier for tier in tiers],
        subscriptions=[
            {"subscription_id": "x", "seller_id": "s", "buyer_id": "b", "plan_id": "p", "start_date": date(2026, 1, 1)}
            | subscription
        ],
    )
    usage = Usage("m", "r", {("b", date(2026, 1, 5)): D(quantity)} if quantity else {("b", date(2026, 1, 5)): D(0)})
    return sum(row.amount for row in rate_subscriptions(catalog, [usage], ["2026-01"]))


@pytest.mark.parametrize(("quantity", "amount"), [(0, 2), (10, 102), (12, 115), (21, 163)])
def test_graduated_prices_as_the_page_tells_them(quantity, amount):
    """Fails when graduated 0-10 @10 flat 2, 10-20 @5 flat 3, above @5 flat 3 gives another amount."""
    tiers = [
        {"tier": 1, "lower": "0", "upper": "10", "unit_price": "10", "flat_fee": "2"},
        {"tier": 2, "lower": "10", "upper": "20", "unit_price": "5", "flat_fee": "3"},
        {"tier": 3, "lower": "20", "unit_price": "5", "flat_fee": "3"},
    ]
    assert _rated("graduated", tiers, quantity) == amount


@pytest.mark.parametrize(("quantity", "amount"), [(100, 210), (101, 101), (300, 200)])
def test_volume_prices_as_the_page_tells_them(quantity, amount):
    """Fails when volume 0-100 @2 flat 10, 100-200 @1, above @0.5 flat 50 gives another amount."""
    tiers = [
        {"tier": 1, "lower": "0", "upper": "100", "unit_price": "2", "flat_fee": "10"},
        {"tier": 2, "lower": "100", "upper": "200", "unit_price": "1"},
        {"tier": 3, "lower": "200", "unit_price": "0.5", "flat_fee": "50"},
    ]
    assert _rated("volume", tiers, quantity) == amount


def test_an_upgrade_is_prorated_by_days_as_the_page_tells_it():
    """Fails when a change on 15 March from 10 to 20 does not cost 17 days of the new and 14 of the old price."""
    version = {"subscription_id": "x", "seller_id": "s", "buyer_id": "b", "start_date": date(2026, 1, 1)}
    version |= {"anchor": "calendar"}
    catalog = _catalog(
        agreements=[{"agreement_id": "a", "seller_id": "s", "buyer_id": "b", "currency": "USD"}],
        plans=[{"plan_id": "old", "currency": "USD"}, {"plan_id": "new", "currency": "USD"}],
        plan_charges=[
            {
                "charge_id": name,
                "plan_id": name,
                "charge_type": "recurring",
                "charge_model": "flat",
                "timing": "in_arrears",
            }
            for name in ("old", "new")
        ],
        charge_prices=[{"charge_id": "old", "unit_price": "10"}, {"charge_id": "new", "unit_price": "20"}],
        subscriptions=[
            version | {"plan_id": "old", "valid_to": date(2026, 3, 15)},
            version | {"plan_id": "new", "valid_from": date(2026, 3, 15)},
        ],
    )
    found = {row.key: row.amount for row in rate_subscriptions(catalog, [], ["2026-03"])}
    assert found["x/new/recurring"] == D("10.967741935484")
    assert found["x/old/recurring"] - 10 == D("-5.483870967742")


def test_the_rounding_line_makes_up_for_the_cents():
    """Fails when −5.483870967742 and 10.967741935484, printed −5.48 and 10.97, do not get −0.01 (5.48)."""
    amounts = [D("-5.483870967742"), D("10.967741935484")]
    lines = [Line("2026-03", str(n), amount, rounded(amount, "USD"), "standard") for n, amount in enumerate(amounts)]
    assert [row.amount for row in lines] == [D("-5.48"), D("10.97")]
    assert drifts(lines, "USD") == {"standard": D("-0.01")}


def test_a_restarted_counter_adds_its_new_value():
    """Fails when a drop counts as negative, a first sample counts, or a step stands at its earlier sample."""
    points = {NEW_YEAR + timedelta(hours=hour): D(value) for hour, value in enumerate((100, 130, 20, 25))}
    assert [step for _, step in steps(points)] == [30, 20, 5]
    assert [at.hour for at, _ in steps(points)] == [1, 2, 3]


def test_a_gauge_holds_five_minutes_at_most():
    """Fails when a gap is billed or the last sample holds for ever."""
    points = {NEW_YEAR + timedelta(minutes=minute): D(1) for minute in (0, 2, 60)}
    assert [seconds for _, _, seconds in holds(points)] == [120, 300, 300]


def test_usage_falls_into_the_month_of_the_final_seller():
    """Fails when a step shortly after midnight UTC is not the day before in New York."""
    catalog = _catalog(
        parties=[{"party_id": "s", "role": "reseller", "time_zone": "America/New_York"}, {"party_id": "b"}],
        agreements=[{"agreement_id": "a", "seller_id": "s", "buyer_id": "b", "currency": "USD"}],
        resource_owners=[{"resource_kind": "edge_server", "resource_id": "edge", "party_id": "b"}],
        meters=[{"meter_id": "m", "series": "http_requests", "sample_type": "counter", "aggregation": "sum"}],
    )
    february = datetime(2026, 2, 1, tzinfo=UTC)
    points = [Metric(february + timedelta(hours=hour), "http", {"requests": 10 * hour}) for hour in (3, 4, 5, 6)]
    found = quantities(catalog, metered(catalog, {"edge": points}))
    assert found == {("m", "edge", "b", "2026-01"): 10, ("m", "edge", "b", "2026-02"): 20}


def test_invoices_carry_what_was_rated_to_the_cent(sample):
    """Fails when the lines of an edge and service period do not sum to the rounded sum of what was rated."""
    rated: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for row in sample.truth["rated"]:
        if row["invoice_period"]:
            rated[row["agreement_id"], row["service_period"], row["currency"]] += Decimal(row["amount"])
    billed: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for invoice in sample.truth["invoices"]:
        assert Decimal(invoice["net_amount"]) == sum(Decimal(row["amount"]) for row in invoice["lines"])
        assert Decimal(invoice["total_amount"]) == Decimal(invoice["net_amount"]) + Decimal(invoice["tax_amount"])
        for row in invoice["lines"]:
            assert Decimal(row["amount"]) != 0
            billed[invoice["agreement_id"], row["service_period"], invoice["currency"]] += Decimal(row["amount"])
    assert billed.keys() == rated.keys()
    for edge, amount in rated.items():
        if edge[0] != "atlas-ibis":  # the one agreement with rounding by line
            assert billed[edge] == rounded(amount, edge[2]), edge


def test_what_the_first_buyer_pays_is_the_bill(sample):
    """Fails when the vendor's edge does not carry the effective cost of every payer, tax included."""
    effective = sum(Decimal(bill["effective"]) for bill in sample.truth["bills"])
    vendor_edge = sum(Decimal(row["amount"]) for row in sample.truth["rated"] if row["seller_id"] == "aws")
    # Keys are at 12 decimals, the bill at 16: half a unit for each key.
    assert abs(vendor_edge - effective) < Decimal("1e-9")


def test_margins_are_the_difference_of_two_edges(sample):
    """Fails when an edge's margin is not what it sells less what the edge above charges, or none is earned anywhere."""
    margins = sample.truth["margins"]
    assert all(Decimal(row["sell_amount"]) - Decimal(row["buy_amount"]) == Decimal(row["margin"]) for row in margins)
    assert {row["agreement_id"] for row in margins if Decimal(row["margin"]) == 0} == {"atlas-granite", "atlas-ibis"}
