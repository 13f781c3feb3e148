"""Two customers in one account, told apart by tag and cost category: from the bill to their invoices."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from orchestration.explaining import explained
from tests.main_job.conftest import MainJob
from tests.worlds.builder import World, line, reservation

PAYER, SHARED = "000000000001", "000000000002"


def _world(folder: Path) -> World:
    """Alpha owns the account; what is tagged team=b is beta's until mid-January, and the cost category shop too."""
    ri = reservation(SHARED)
    bill = [
        line(cost="10.00", day=1),
        line(cost="20.00", day=10, tags={"user:team": "b"}),
        line(cost="40.00", day=20, tags={"user:team": "b"}),
        line(cost="5.00", day=20, **{"costCategory/Unit": "shop"}),
        line(cost="3.00", day=20, tags={"user:team": "zz"}),
        # Beta uses the account's reservation; its fee is alpha's, whatever it is tagged with.
        line(
            type="DiscountedUsage", day=10, quantity="10", cost="0", list_cost="0.96", sku="T3",
            ri=ri, ri_effective="0.60", tags={"user:team": "b"},
        ),
        line(
            type="RIFee", day=10, quantity="10", cost="0.60", sku="T3",
            ri=ri, ri_unused_recurring="0", tags={"user:team": "b"},
        ),
    ]  # fmt: skip
    bill = [{"line_item_usage_account_id": SHARED} | one for one in bill]
    world = World(folder).cur(PAYER, "2026-01", bill)
    return world.catalog(
        parties=[
            {"party_id": "aws", "role": "vendor"},
            {"party_id": "reseller", "role": "reseller"},
            {"party_id": "alpha"},
            {"party_id": "beta"},
        ],
        agreements=[
            {"seller_id": "aws", "buyer_id": "reseller", "cost_view": "real"},
            {"seller_id": "reseller", "buyer_id": "alpha", "cost_view": "real"},
            {"seller_id": "reseller", "buyer_id": "beta", "cost_view": "real"},
        ],
        payers=[{"payer_id": PAYER, "party_id": "reseller"}],
        resource_owners=[
            {"resource_kind": "aws_account", "resource_id": SHARED, "party_id": "alpha"},
            {"resource_kind": "aws_tag", "resource_id": "user:team=b", "party_id": "beta", "valid_to": "2026-01-15"},
            {"resource_kind": "aws_tag", "resource_id": "user:team=b", "party_id": "alpha", "valid_from": "2026-01-15"},
            {"resource_kind": "aws_cost_category", "resource_id": "Unit=shop", "party_id": "beta"},
        ],
        price_rules=[
            {"agreement_id": "reseller-alpha", "value": "0.10"},
            {"agreement_id": "reseller-beta", "value": "0.10"},
        ],
        budgets=[
            {
                "budget_id": party,
                "party_id": party,
                "scope": "tag",
                "scope_value": "team=b",
                "period": "2026-01",
                "amount": "100",
                "currency": "USD",
            }
            for party in ("alpha", "beta", "reseller")
        ],
        tax_rates=[{"seller_country": "DE", "rate": "0"}],
    )


@pytest.mark.slow
def test_two_customers_of_one_account_are_invoiced_apart(tmp_path: Path, main_job: MainJob) -> None:
    """Fault 41. Fails when tagged usage is not its own customer's, from its day on and in every view, a tag of nobody
    vanishes into the account's owner, or a total changes."""
    marts = main_job(_world(tmp_path).inbox, ["2026-01"])
    team, shop, gone = "aws_tag:user:team=b", "aws_cost_category:Unit=shop", "aws_tag:user:team=zz"
    views = marts.execute(
        """select cost_view, list({'by': assigned_by, 'amount': amount} order by assigned_by) from (
        select cost_view, assigned_by, sum(amount) as amount from fct_account_costs where sub_account_id = ?
        group by all) as costs group by all order by all""",
        [SHARED],
    ).fetchall()
    expected = {  # the account itself, Unit=shop, team=b, team=zz; effective in all but the reservation
        "billed": ("50.60", "5.00", "20.00", "3.00"),
        "effective": ("50.00", "5.00", "20.60", "3.00"),
        "owner": ("50.60", "5.00", "20.00", "3.00"),
        "real": ("49.64", "5.00", "20.96", "3.00"),
        "standalone": ("50.60", "5.00", "20.96", "3.00"),
    }
    assert {view: {row["by"]: row["amount"] for row in rows} for view, rows in views} == {
        view: {by: Decimal(amount) for by, amount in zip(("-", shop, team, gone), amounts, strict=True)}
        for view, amounts in expected.items()
    }
    assert marts.execute(
        "select from_account_id, from_assigned_by, to_account_id, to_assigned_by, amount from fct_sharing_settlement"
    ).fetchall() == [(SHARED, team, SHARED, "-", Decimal("0.36"))]
    assert marts.execute("select buyer_id, net_amount from fct_invoices order by 1").fetchall() == [
        ("alpha", Decimal("54.60")),  # 49.64 x 1.10 = 54.604
        ("beta", Decimal("28.56")),  # 25.96 x 1.10 = 28.556
    ]
    spent = "select party_id, scope_value, sum(amount) from fct_daily_spend where scope = ? group by all order by all"
    assert marts.execute(spent, ["account"]).fetchall() == [
        ("alpha", SHARED, Decimal("49.64")),
        ("beta", SHARED, Decimal("25.96")),
        ("unassigned", SHARED, Decimal("3.00")),
    ]
    # Beta's tag is beta's to mid-January, alpha's from then on: each sees of it what is its own, amortised.
    assert marts.execute(spent, ["tag"]).fetchall() == [
        ("alpha", "team=b", Decimal("40.00")),
        ("beta", "team=b", Decimal("20.60")),
        ("reseller", "team=b", Decimal("60.60")),
    ]
    # Both invoices have a line for the same account and SKU: behind each stand its own lines alone.
    for buyer, line_costs in (("alpha", {"10.00", "40.00"}), ("beta", {"20.00", "5.00"})):
        query = "select line_id from fct_invoice_lines where buyer_id = ? and charge_key like '%BoxUsage%'"
        ((line_id,),) = marts.execute(query, [buyer]).fetchall()
        behind = {step.name: step.rows for step in explained(marts, line_id)}
        assert {row["billed_cost"] for row in behind["vendor lines"]} == set(map(Decimal, line_costs))
        assert sum(row["amount"] for row in behind["allocated cost"]) == sum(map(Decimal, line_costs))
    assert marts.execute(
        "select reason, resource_kind, resource_id, amount, holds_close from fct_unrated_usage"
    ).fetchall() == [("unassigned", "aws_tag", "user:team=zz", Decimal("3.00"), True)]
    assert marts.execute("select count(*) from fct_reconciliation where unexplained <> 0").fetchone() == (0,)
