"""The worked examples of money.md (sections 6 to 9) as one small world: what is printed there is what dbt bills."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.dbt_project.rating_worlds import EVER, OPEN, World

pytestmark = [pytest.mark.dbt, pytest.mark.slow]

MODELS = ["staging.catalog", "restatement_reasons", "intermediate.rating", "marts.rating", "marts.invoicing"]
JANUARY, FEBRUARY, MARCH = date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)
ZERO = Decimal(0)
GRADUATED = [(0, 10, 10, 2), (10, 20, 5, 3), (20, None, 5, 3)]
VOLUME = [(0, 100, 2, 10), (100, 200, 1, 0), (200, None, "0.5", 50)]
NO_PRICES = [  # model, unit price, flat fee
    ("per_unit", None, 3), ("graduated", None, None), ("volume", None, None), ("stairstep", 3, None),
    ("p95", None, None), ("package", 3, None), ("flat", None, 3),
]  # fmt: skip


def sell(world: World, name: str, charges: dict[str, list[Any]], **terms: Any) -> None:
    """Seller, buyer, agreement, plan and subscription of a name; charges: charge id -> [columns, tiers]."""
    for role in ("seller", "buyer"):
        world.parties.append({"party_id": f"{name}-{role}", "name": name, "role": "reseller", "country": "DE"})
    world.agreements.append(
        {
            "agreement_id": f"{name}-edge", "seller_id": f"{name}-seller", "buyer_id": f"{name}-buyer",
            "currency": "EUR", "rounding": "total", "valid_from": EVER, "valid_to": OPEN, **terms,
        }
    )  # fmt: skip
    for charge_id, (columns, tiers) in charges.items():
        plan = columns.pop("plan_id", f"{name}-plan")
        if plan not in [known["plan_id"] for known in world.plans]:
            world.plans.append({"plan_id": plan, "name": plan, "currency": "EUR"})
        world.charges.append({"charge_id": charge_id, "plan_id": plan, "name": charge_id, **columns})
        world.prices.append(
            {
                "charge_id": charge_id, "dimension_value": None, "valid_from": EVER, "valid_to": OPEN,
                "tiers": [
                    {"tier": index + 1, "lower": lower, "upper": upper, "unit_price": price, "flat_fee": fee}
                    for index, (lower, upper, price, fee) in enumerate(tiers)
                ],
            }
        )  # fmt: skip


def subscribe(world: World, name: str, **columns: Any) -> None:
    world.subscriptions.append(
        {
            "subscription_id": f"{name}-sub", "seller_id": f"{name}-seller", "buyer_id": f"{name}-buyer",
            "plan_id": f"{name}-plan", "start_date": date(2025, 1, 1), "anchor": "calendar", **columns,
        }
    )  # fmt: skip


def use(world: World, name: str, month: date, quantity: Any) -> None:
    world.usage.append(
        {
            "billing_period": month, "service_period": month, "meter_id": f"{name}-meter",
            "resource_kind": "edge_server", "resource_id": f"{name}-server", "dimension_value": "",
            "usage_date": month.replace(day=9), "unit": "GB", "owner_party_id": f"{name}-buyer",
            "quantity": quantity, "period_quantity": quantity,
        }
    )  # fmt: skip


def issued(name: str, charge_key: str, service: date, invoice: date, amount: str, quantity: int = 0) -> dict[str, Any]:
    return {
        "invoice_id": f"{name}-{invoice:%Y-%m}", "line_id": f"{name}-edge/{invoice:%Y-%m}/{service:%Y-%m}/{charge_key}",
        "line_number": 1, "agreement_id": f"{name}-edge", "seller_id": f"{name}-seller", "buyer_id": f"{name}-buyer",
        "invoice_period": invoice, "service_period": service, "charge_key": charge_key, "description": "issued",
        "quantity": quantity, "exact_amount": amount, "amount": amount, "currency": "EUR", "tax_category": "standard",
    }  # fmt: skip


def the_world() -> tuple[World, dict[str, list[dict[str, Any]]]]:
    world = World()
    usage = {"charge_type": "usage"}
    for model, tiers, quantities in (("graduated", GRADUATED, (0, 10, 12, 21)), ("volume", VOLUME, (100, 101, 300))):
        for quantity in quantities:
            name = f"{model}{quantity}"
            sell(world, name, {name: [{**usage, "charge_model": model, "meter_id": f"{name}-meter"}, tiers]})
            subscribe(world, name)
            if quantity:
                use(world, name, JANUARY, quantity)
    # Section 7: the upgrade in March, once per way of rounding; the old plan is already billed.
    ledger, closes = [], []
    for rounding in ("total", "line"):
        flat = {"charge_type": "recurring", "charge_model": "flat", "timing": "in_advance"}
        plans = {
            f"{rounding}-old": [{**flat, "plan_id": f"{rounding}-plan"}, [(0, None, 10, 0)]],
            f"{rounding}-new": [{**flat, "plan_id": f"{rounding}-plan2"}, [(0, None, 20, 0)]],
        }
        sell(world, rounding, plans, rounding=rounding)
        subscribe(world, rounding, valid_to=date(2026, 3, 15))
        subscribe(world, rounding, valid_from=date(2026, 3, 15), plan_id=f"{rounding}-plan2")
        for service, invoice in ((JANUARY, JANUARY), (FEBRUARY, JANUARY), (MARCH, FEBRUARY)):
            ledger.append(issued(rounding, f"{rounding}-sub/{rounding}-old/recurring", service, invoice, "10.00", 1))
        closes += [{"seller_id": f"{rounding}-seller", "billing_period": month} for month in (JANUARY, FEBRUARY)]
    # Section 9: late January usage as seen in February, and January restated as seen in March.
    for name, january in (("late", 120), ("restated", 90)):
        metered = [{**usage, "charge_model": "per_unit", "meter_id": f"{name}-meter"}, [(0, None, "0.10", 0)]]
        sell(world, name, {name: metered})
        subscribe(world, name)
        use(world, name, JANUARY, january)
        use(world, name, FEBRUARY, 50)
        key = f"{name}-sub/{name}/usage"
        ledger.append(issued(name, key, JANUARY, JANUARY, "10.00", 100))
        closes.append({"seller_id": f"{name}-seller", "billing_period": JANUARY})
    ledger += [
        issued("restated", "restated-sub/restated/usage", FEBRUARY, FEBRUARY, "5.00", 50),
        issued("restated", "restated-sub/restated/usage", JANUARY, FEBRUARY, "2.00", 20),
    ]
    closes.append({"seller_id": "restated-seller", "billing_period": FEBRUARY})
    bill_of_88(world)
    # Prices delivered without the amount that their model asks for: that is no price of 0.
    for model, price, fee in NO_PRICES:
        name = f"{model}-unpriced"
        is_usage = model != "flat"
        terms = usage | {"meter_id": f"{name}-meter"} if is_usage else {"charge_type": "recurring"}
        sell(world, name, {name: [{**terms, "charge_model": model}, [(0, None, price, fee)]]})
        subscribe(world, name)
        if is_usage:
            use(world, name, JANUARY, 7)
    sell(world, "crowded", {})
    commitments = [
        {"commitment_id": f"pot{number:02d}", "agreement_id": "crowded-edge", "kind": "prepaid", "amount": 1}
        for number in range(17)
    ]
    commitments.append({"commitment_id": "vendor", "agreement_id": "aws-top", "kind": "minimum", "amount": 1})
    return world, {
        "ledger_lines": ledger,
        "ledger_invoices": invoices_of(ledger),
        "ledger_closes": closes,
        "catalog__commitments": [{**row, "recorded_at": "2026-01-01"} for row in commitments],
    }


def invoices_of(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The issued invoices that hold the lines; untaxed, nothing here reads their tax."""
    columns = ("invoice_id", "agreement_id", "seller_id", "buyer_id", "invoice_period", "currency")
    net: dict[tuple[Any, ...], Decimal] = {}
    for line in lines:
        invoice = tuple(line[column] for column in columns)
        net[invoice] = net.get(invoice, ZERO) + Decimal(line["amount"])
    return [
        {
            **dict(zip(columns, invoice, strict=True)), "document_type": "invoice", "net_amount": amount,
            "tax_amount": 0, "total_amount": amount, "issued_at": "2026-02-03",
        }
        for invoice, amount in net.items()
    ]  # fmt: skip


def bill_of_88(world: World) -> None:
    """Section 8: list 100 less 12 %, reseller + 5 %, customer + 10 %; tax is the vendor's and stays with him."""
    roles = {"aws": "vendor", "top": "distributor", "mid": "reseller", "end": "customer"}
    world.parties += [{"party_id": p, "name": p, "role": role, "country": "DE"} for p, role in roles.items()]
    for seller, buyer, markup in (("aws", "top", None), ("top", "mid", "0.05"), ("mid", "end", "0.10")):
        world.agreements.append(
            {
                "agreement_id": f"{seller}-{buyer}", "seller_id": seller, "buyer_id": buyer, "currency": "EUR",
                "cost_view": "billed", "valid_from": EVER, "valid_to": OPEN,
            }
        )  # fmt: skip
        if markup:
            world.rules.append(
                {"rule_id": f"to-{buyer}", "agreement_id": f"{seller}-{buyer}", "kind": "markup", "value": markup}
            )
    world.payers.append({"payer_id": "payer", "vendor": "aws", "party_id": "top", "valid_from": EVER, "valid_to": OPEN})
    world.owners.append({"resource_kind": "aws_account", "resource_id": "account", "party_id": "end"})
    cost = {
        "billing_period": JANUARY, "service_period": JANUARY, "charge_date": JANUARY, "payer_account_id": "payer",
        "sub_account_id": "account", "vendor": "aws", "service_name": "EC2", "sku_id": "sku", "component": "on_demand",
        "cost_view": "billed", "currency": "EUR",
    }  # fmt: skip
    world.costs += [
        {**cost, "charge_category": "Usage", "amount": "88", "list_cost": "100", "quantity": 10},
        {**cost, "charge_category": "Tax", "amount": "16.72", "list_cost": None, "quantity": None},
    ]


@pytest.fixture(scope="module")
def billed(scratch_warehouse: Callable[..., Any]) -> Any:
    world, lake = the_world()
    warehouse = scratch_warehouse(world.lake_rows() | lake)
    with warehouse.connect() as connection:
        for statement in world.given_marts():
            connection.execute(statement)
    world.fill_marts(warehouse)
    months = ["--event-time-start", "2026-01-01", "--event-time-end", "2026-04-01"]
    told = ["--indirect-selection", "cautious", "--exclude-resource-type", "unit_test"]
    done = warehouse.dbt("build", "--select", *MODELS, *months, *told)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return warehouse


@pytest.mark.parametrize(
    ("charge", "amount"),
    [
        ("graduated0", 2), ("graduated10", 102), ("graduated12", 115), ("graduated21", 163),
        ("volume100", 210), ("volume101", 101), ("volume300", 200),
    ],
)  # fmt: skip
def test_tiers_cost_what_the_page_says(billed: Any, charge: str, amount: int) -> None:
    """Fails when a bound, a flat fee or the fee at zero is taken otherwise (money.md section 6)."""
    rows = billed.rows(
        "select sum(amount) from fct_rated_charges where charge_id = ? and billing_period = ?", charge, JANUARY
    )
    assert rows == [(Decimal(amount),)]


def test_an_upgrade_credits_unused_days_and_charges_the_new_plan(billed: Any) -> None:
    """Fails when the day of change or the rounding of either part is counted otherwise (money.md section 7)."""
    rows = billed.rows(
        "select charge_key, exact_amount, amount, charge_class from fct_invoice_lines "
        "where billing_period = ? and service_period = ? and agreement_id in ('total-edge', 'line-edge') order by 1",
        MARCH,
        MARCH,
    )
    assert rows == [
        ("line-sub/line-new/recurring", Decimal("10.967741935484"), Decimal("10.97"), None),
        ("line-sub/line-old/recurring", Decimal("-5.483870967742"), Decimal("-5.48"), "Correction"),
        ("total-edge/rounding/standard", Decimal("0"), Decimal("-0.01"), None),
        ("total-sub/total-new/recurring", Decimal("10.967741935484"), Decimal("10.97"), None),
        ("total-sub/total-old/recurring", Decimal("-5.483870967742"), Decimal("-5.48"), "Correction"),
    ]


def test_a_bill_of_88_is_sold_for_92_40_and_101_64(billed: Any) -> None:
    """Fails when a markup is applied to the wrong amount, or the vendor's tax is resold (money.md section 8)."""
    rows = billed.rows(
        "select agreement_id, amount, upstream_amount from fct_rated_charges "
        "where payer_account_id = 'payer' and charge_category = 'Usage' order by amount"
    )
    assert rows == [
        ("aws-top", Decimal("88"), Decimal("88")),
        ("top-mid", Decimal("92.4"), Decimal("88")),
        ("mid-end", Decimal("101.64"), Decimal("92.4")),
    ]
    margins = billed.rows("select agreement_id, margin from fct_margin where charge_key like 'aws/%' order by margin")
    assert margins == [("top-mid", Decimal("4.4")), ("mid-end", Decimal("9.24"))]
    taxed = billed.rows("select agreement_id, amount from fct_rated_charges where charge_category = 'Tax'")
    assert taxed == [("aws-top", Decimal("16.72"))]
    explained = billed.rows(
        "select difference, explanation, unexplained from fct_reconciliation where hop = 'rated' and account = 'payer'"
    )
    assert explained == [(Decimal("-3.08"), "margins 13.640000000000; tax not resold -16.720000000000", ZERO)]


def test_late_usage_is_a_correction_on_the_open_invoice(billed: Any) -> None:
    """Fails when late usage is billed twice, on the wrong month or without naming its line (money.md section 9)."""
    rows = billed.rows(
        "select billing_period, service_period, quantity, unit_price, amount, charge_class, corrects_line_id, status "
        "from fct_invoice_lines where agreement_id = 'late-edge' order by 1, 2 desc"
    )
    line = "late-edge/2026-01/2026-01/late-sub/late/usage"
    assert rows == [
        (JANUARY, JANUARY, 100, None, 10, None, None, "issued"),
        (FEBRUARY, FEBRUARY, 50, Decimal("0.1"), 5, None, None, "draft"),
        (FEBRUARY, JANUARY, 20, Decimal("0.1"), 2, "Correction", line, "draft"),
    ]


def test_a_restated_month_is_credited(billed: Any) -> None:
    """Fails when a correction is taken from the last line instead of all issued lines (money.md section 9)."""
    rows = billed.rows(
        "select invoice_period, document_type, refers_to, net_amount, tax_amount, total_amount from fct_invoices "
        "where agreement_id = 'restated-edge' and status = 'draft'"
    )
    assert rows == [
        (MARCH, "credit_note", "restated-2026-01", Decimal("-3"), Decimal("-0.57"), Decimal("-3.57")),
    ]


def test_commitments_that_cannot_be_settled_are_listed(billed: Any) -> None:
    """Fails when a 17th commitment of one edge, or one on the vendor's own edge, is dropped without a word."""
    rows = billed.rows(
        "select charge_key, reason, holds_close, count(*) from fct_unrated_usage where kind = 'commitment' "
        "group by all order by 1"
    )
    assert rows == [
        ("commitment/vendor/aws-top", "vendor_edge", True, 3),
        ("prepaid/pot16/crowded-edge", "too_many_commitments", True, 3),
    ]
    assert billed.rows("select distinct agreement_id from fct_rated_charges where commitment_id is not null") == []


@pytest.mark.parametrize("model", [model for model, _, _ in NO_PRICES])
def test_a_price_without_an_amount_is_a_gap_and_never_a_price_of_0(billed: Any, model: str) -> None:
    """Fault 47. Fails when an empty unit price (or flat fee, where the model asks for it) bills usage or a fee at 0."""
    listed = billed.rows(
        "select distinct reason, holds_close from fct_unrated_usage "
        f"where seller_id = '{model}-unpriced-seller' and billing_period = '2026-01-01'"
    )
    assert listed == [("price_gap", True)]
    assert billed.rows(f"select * from fct_rated_charges where charge_id = '{model}-unpriced'") == []
