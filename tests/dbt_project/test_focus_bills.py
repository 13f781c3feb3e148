"""FOCUS bills in account costs: the worked example of money.md section 4 in FOCUS's words, beside AWS's own report."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

JANUARY = date(2026, 1, 1)
VIEWS = ("billed", "effective", "owner", "real", "standalone")
RESERVATION = "/providers/Microsoft.Capacity/reservationOrders/1/reservations/2"


def _row(number: int, account: str | None, category: str, **words: Any) -> dict[str, Any]:
    """A row of the enrolment E's January, of one day; what is not said is null."""
    return {
        "billing_period": JANUARY,
        "delivery_id": "d",
        "source_file": "focus/azure/manual/2026-01/d/costs.csv",
        "source_row": number,
        "billing_account_id": "E",
        "sub_account_id": account,
        "provider_name": "Microsoft",
        "charge_category": category,
        "charge_period_start": "2026-01-05 00:00:00",
        "charge_period_end": "2026-01-06 00:00:00",
        "billing_currency": "USD",
        "service_name": "Virtual Machines",
        "sku_id": "D2s",
        "pricing_unit": "Hours",
    } | words


def _used(number: int, account: str, hours: str, effective: str, on_demand: str) -> dict[str, Any]:
    return _row(
        number,
        account,
        "Usage",
        commitment_discount_id=RESERVATION,
        commitment_discount_category="Usage",
        commitment_discount_status="Used",
        pricing_quantity=hours,
        billed_cost="0",
        effective_cost=effective,
        list_cost=on_demand,
        contracted_cost=on_demand,
    )


# 720 hours at 0.060 bought by A: A runs 500, B 300, 80 of them on demand at 0.096; then tax without an account, and a
# commitment on spend of C of which 1.20 went unused.
BILL = [
    _row(
        1,
        "A",
        "Purchase",
        commitment_discount_id=RESERVATION,
        commitment_discount_category="Usage",
        charge_period_start="2026-01-01 00:00:00",
        charge_period_end="2026-02-01 00:00:00",
        pricing_quantity="720",
        billed_cost="43.20",
        effective_cost="0",
        contracted_cost="43.20",
    ),
    _used(2, "A", "500", "30.00", "48.00"),
    _used(3, "B", "220", "13.20", "21.12"),
    _row(4, "B", "Usage", pricing_quantity="80", billed_cost="7.68", effective_cost="7.68", contracted_cost="7.68"),
    _row(5, None, "Tax", billed_cost="2.50", effective_cost="2.50"),
    _row(
        6,
        "C",
        "Usage",
        commitment_discount_id="plan",
        commitment_discount_category="Spend",
        commitment_discount_status="Unused",
        billed_cost="0",
        effective_cost="1.20",
    ),
]
OWNERS = [
    {"resource_kind": "azure_subscription", "resource_id": account, "party_id": party}
    for account, party in (("A", "alpha"), ("B", "beta"), ("C", "gamma"))
] + [{"resource_kind": "aws_account", "resource_id": "A", "party_id": "beta"}]


@pytest.fixture(scope="module")
def told(scratch_warehouse):
    """The bill of E, and one line of AWS's own report whose account is called A, too."""
    warehouse = scratch_warehouse(
        {
            "focus__line_items": BILL,
            "aws_cur__line_items": [
                {
                    "billing_period": JANUARY,
                    "delivery_id": "a",
                    "source_file": "f",
                    "source_row": 1,
                    "bill_payer_account_id": "P",
                    "line_item_usage_account_id": "A",
                    "line_item_line_item_type": "Usage",
                    "line_item_product_code": "AmazonEC2",
                    "line_item_currency_code": "USD",
                    "line_item_usage_start_date": "2026-01-05 00:00:00",
                    "line_item_usage_end_date": "2026-01-05 01:00:00",
                    "line_item_usage_amount": "1",
                    "line_item_unblended_cost": "5",
                }
            ],
            "catalog__resource_owners": OWNERS,
            "delivery_totals": [
                {
                    "source": "focus",
                    "table_name": "line_items",
                    "account": "azure",
                    "billing_period": JANUARY,
                    "delivery_id": "d",
                    "currency": "USD",
                    "amount_landed": "53.38",
                    "rows_loaded": "6",
                    "is_current": "true",
                }
            ],
        }
    )
    warehouse.build(
        "+fct_account_costs +fct_sharing_settlement +fct_account_waterfall +fct_cost_and_usage", "2026-01", "2026-02"
    )
    return warehouse


@pytest.mark.dbt
def test_a_focus_bill_gives_every_view_of_the_worked_example(told):
    """Fails when a reservation told in FOCUS's words is not shared as money.md section 4 works it out."""
    found = {
        (account, view): amount
        for account, view, amount in told.rows(
            "select sub_account_id, cost_view, sum(amount) from fct_account_costs"
            " where vendor = 'azure' and sub_account_id in ('A', 'B') group by all"
        )
    }
    asked = {
        "A": ("43.20", "30.00", "43.20", "22.08", "43.20"),
        "B": ("7.68", "20.88", "7.68", "28.80", "28.80"),
    }
    assert found == {
        (account, view): Decimal(amount)
        for account, amounts in asked.items()
        for view, amount in zip(VIEWS, amounts, strict=True)
    }


@pytest.mark.dbt
def test_tax_without_an_account_and_what_nobody_used_stay_where_the_bill_put_them(told):
    """Fails when a row without a sub account leaves the billing account, or unused commitment its owner."""
    found = told.rows(
        "select sub_account_id, component, cost_view, amount from fct_account_costs"
        " where vendor = 'azure' and sub_account_id in ('C', 'E') and cost_view in ('billed', 'effective') order by all"
    )
    assert found == [
        ("C", "on_demand", "billed", Decimal(0)),
        ("C", "unused", "effective", Decimal("1.20")),
        ("E", "on_demand", "billed", Decimal("2.50")),
        ("E", "on_demand", "effective", Decimal("2.50")),
    ]


@pytest.mark.dbt
def test_the_borrower_owes_the_owner_of_its_own_vendor(told):
    """Fails when the owner of a commitment without an ARN is not who bought it, or an AWS account's owner decides."""
    assert told.rows(
        "select payer_account_id, from_account_id, to_account_id, mechanism, amount, lent_amount"
        " from fct_sharing_settlement"
    ) == [("E", "B", "A", "ri", Decimal("7.92"), Decimal("13.20"))]
    assert told.rows(
        "select vendor, from_account_id, is_across_customers from intermediate.int_allocation__commitments_borrowed"
    ) == [("azure", "B", True)]


@pytest.mark.dbt
def test_both_vendors_stand_in_one_bill_of_lines(told):
    """Fails when a line is lost between two feeds, or a provider's word is not the catalog's."""
    assert told.rows(
        "select x_vendor, provider_name, count(*), sum(billed_cost), sum(effective_cost) from fct_cost_and_usage"
        " group by all order by 1"
    ) == [
        ("aws", "AWS", 1, Decimal(5), Decimal(5)),
        ("azure", "Microsoft", 6, Decimal("53.38"), Decimal("54.58")),
    ]


@pytest.mark.dbt
def test_a_payer_that_is_delivered_twice_holds_its_month(told):
    """Fails when two exports of one billing account count both without a word. Runs last: it adds to the bill."""
    told.insert(
        "focus__line_items", [_row(1, "A", "Usage", billed_cost="1", effective_cost="1") | {"delivery_id": "e"}]
    )
    done = told.dbt(
        "build",
        "--select",
        "+fct_account_costs",
        "--indirect-selection",
        "cautious",
        "--event-time-start",
        "2026-01-01",
        "--event-time-end",
        "2026-02-01",
        "--exclude-resource-type",
        "unit_test",
    )
    assert done.returncode != 0
    assert "assert_every_payers_month_is_billed_once" in done.stdout
