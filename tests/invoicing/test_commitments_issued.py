"""Commitments and adjustments on the real ledger: delivered in the catalog, issued, and moved by late usage."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestration.settings import Settings
from orchestration.tables import rows
from orchestration.warehouse import opened
from tests.invoicing.worlds import House
from tests.worlds.builder import World, line

pytestmark = [pytest.mark.slow, pytest.mark.dbt]

PAYER = "000000000001"
BUYERS = ("shop", "mint", "abroad", "cloudy")


def the_world(folder: Path) -> World:
    """Seller acme and four buyers, each with a plan of its own but for cloudy, who buys cloud cost."""
    plans = {"shop": ("EUR", "0.10", {}), "mint": ("EUR", "1", {}), "abroad": ("USD", "2", {"minimum_amount": 30})}
    subscriptions = [
        {"subscription_id": f"{buyer}-sub", "seller_id": "acme", "buyer_id": buyer, "plan_id": f"{buyer}-plan"}
        for buyer in plans
    ]
    subscriptions[1]["start_date"] = "2026-01-15"
    return (
        World(folder)
        .empty_catalog("2025-12-01")
        .catalog(
            "2026-01-01",
            parties=[{"party_id": "acme", "role": "reseller"}, *({"party_id": buyer} for buyer in BUYERS)],
            agreements=[
                {"seller_id": "acme", "buyer_id": buyer, "currency": "USD" if buyer == "cloudy" else "EUR"}
                for buyer in BUYERS
            ],
            payers=[{"payer_id": PAYER, "party_id": "acme"}],
            price_rules=[{"agreement_id": "acme-cloudy", "value": "0.10"}],
            resource_owners=[
                {"resource_kind": "account", "resource_id": buyer, "party_id": buyer} for buyer in plans
            ] + [{"resource_kind": "aws_account", "resource_id": PAYER, "party_id": "cloudy"}],
            meters=[
                {"meter_id": f"{buyer}-meter", "resource_kind": "account", "series": buyer, "sample_type": "event"}
                for buyer in plans
            ],
            plans=[{"plan_id": f"{buyer}-plan", "currency": currency} for buyer, (currency, _, _) in plans.items()],
            plan_charges=[
                {"charge_id": f"{buyer}-use", "plan_id": f"{buyer}-plan", "meter_id": f"{buyer}-meter", **terms}
                for buyer, (_, _, terms) in plans.items()
            ],
            charge_prices=[
                {"charge_id": f"{buyer}-use", "tier": 1, "lower": 0, "unit_price": price}
                for buyer, (_, price, _) in plans.items()
            ],
            subscriptions=subscriptions,
            fx_rates=[
                {"from_currency": "USD", "to_currency": "EUR", "period": f"2026-0{month}", "rate": f"0.{4 + month}"}
                for month in (1, 2, 3)
            ],
            commitments=[
                {"commitment_id": "cap", "subscription_id": "shop-sub", "charge_id": "shop-use", "kind": "maximum",
                 "amount": 100, "interval": "year", "start_date": "2026-01-01"},
                {"commitment_id": "least", "subscription_id": "mint-sub", "kind": "minimum", "amount": 310},
                {"commitment_id": "late", "agreement_id": "acme-mint", "kind": "prepaid", "amount": 1000,
                 "start_date": "2026-01-01", "end_date": "2026-12-31"},
                {"commitment_id": "soon", "agreement_id": "acme-mint", "kind": "prepaid", "amount": 100,
                 "start_date": "2026-01-01", "end_date": "2026-01-31"},
                {"commitment_id": "abroad", "subscription_id": "abroad-sub", "kind": "minimum", "amount": 40,
                 "tax_category": "reduced"},
                {"commitment_id": "cloud", "agreement_id": "acme-cloudy", "kind": "minimum", "amount": 100},
                {"commitment_id": "about nothing", "kind": "minimum", "amount": 100},
            ],
            adjustments=[
                {"adjustment_id": "welcome", "agreement_id": "acme-mint", "kind": "coupon", "share": "0.1",
                 "period": "2026-01", "reason": "Welcome"},
            ],
            tax_rates=[
                {"tax_category": "standard", "rate": "0.19"},
                {"tax_category": "reduced", "rate": "0.07"},
            ],
        )
        .cur(PAYER, "2026-01", [line(cost="50.00", sku="S")])
    )  # fmt: skip


def used(world: World, buyer: str, day: str, units: int) -> None:
    number = len(world.written)
    event = {"id": f"{number}", "type": buyer, "subject": f"account:{buyer}", "time": f"{day}T12:00:00Z"}
    world.cloudevents("app", [event | {"data": {"value": units}}], name=f"{number:04d}.ndjson.gz")


def lines(house: House, buyer: str, period: str) -> list[tuple[Any, ...]]:
    with opened(Settings(home=house.home)) as connection:
        found = rows(
            connection,
            "select strftime(service_period, '%Y-%m') as service_period, charge_key, amount, charge_class"
            " from fct_invoice_lines where buyer_id = ? and strftime(invoice_period, '%Y-%m') = ?"
            " order by service_period, charge_key",
            [buyer, period],
        )
    return [tuple(row.values()) for row in found]


def test_late_usage_moves_the_cut_and_the_true_up(tmp_path: Path) -> None:
    """Fails when a true-up, cut, coupon or draw is not what money.md section 6 says, or late usage does not move it."""
    world = the_world(tmp_path)
    house = House(world, tmp_path / "home")
    for buyer, units in (("shop", 600), ("mint", 30), ("abroad", 10)):
        used(world, buyer, "2026-01-20", units)
    house.run("2026-02-03", "2026-01")
    # 310 x 17/31 = 170; less the coupon of 10 % are 153, drawn from what lapses first, then from the other.
    assert lines(house, "mint", "2026-01") == [
        ("2026-01", "acme-mint/late/prepaid", Decimal(-53), None),
        ("2026-01", "acme-mint/soon/prepaid", Decimal(-100), None),
        ("2026-01", "acme-mint/welcome/adjustment", Decimal(-17), None),
        ("2026-01", "mint-sub/least/minimum", Decimal(140), None),
        ("2026-01", "mint-sub/mint-use/usage", Decimal(30), None),
    ]
    # 20 dollars are 10 euros, the charge's own 30 dollars 15; the commitment is in euros.
    assert lines(house, "abroad", "2026-01") == [
        ("2026-01", "abroad-sub/abroad-use/minimum", Decimal(5), None),
        ("2026-01", "abroad-sub/abroad-use/usage", Decimal(10), None),
        ("2026-01", "abroad-sub/abroad/minimum", Decimal(25), None),
    ]
    assert [row[1:3] for row in lines(house, "cloudy", "2026-01")] == [
        ("acme-cloudy/cloud/minimum", Decimal(45)),
        (f"aws/{PAYER}/AmazonEC2/S/Usage", Decimal(55)),
    ]
    with opened(Settings(home=house.home)) as connection:
        taxed = rows(connection, "select net_amount, tax_amount from fct_invoices where buyer_id = 'abroad'", [])
        lost = rows(connection, "select reason, column_name from quarantine", [])
    assert taxed == [{"net_amount": Decimal(40), "tax_amount": Decimal("4.60")}]  # 15 x 19 % + 25 x 7 %
    assert lost == [{"reason": "missing_required", "column_name": "agreement_id or subscription_id or charge_id"}]
    why = ("--waive", "quarantine", "--why", "a commitment about nothing")
    assert len(house.issue("2026-02-03", "2026-01", *why)["invoices"]) == 4

    used(world, "shop", "2026-01-25", 500)
    used(world, "shop", "2026-02-20", 600)
    used(world, "abroad", "2026-01-25", 5)
    house.run("2026-03-03", "2026-02")
    # January now comes to 110 and is cut by 10 itself; all of February is over.
    assert lines(house, "shop", "2026-02") == [
        ("2026-01", "shop-sub/shop-use/maximum", Decimal(-10), "Correction"),
        ("2026-01", "shop-sub/shop-use/usage", Decimal(50), "Correction"),
        ("2026-02", "shop-sub/shop-use/maximum", Decimal(-60), None),
        ("2026-02", "shop-sub/shop-use/usage", Decimal(60), None),
    ]
    # 30 dollars reach the charge's own minimum: 5 euros of usage take the place of 5 of it. February: 18 of 40.
    assert lines(house, "abroad", "2026-02") == [
        ("2026-01", "abroad-sub/abroad-use/minimum", Decimal(-5), "Correction"),
        ("2026-01", "abroad-sub/abroad-use/usage", Decimal(5), "Correction"),
        ("2026-02", "abroad-sub/abroad-use/minimum", Decimal(18), None),
        ("2026-02", "abroad-sub/abroad/minimum", Decimal(22), None),
    ]
    assert [row[1:3] for row in lines(house, "mint", "2026-02")] == [
        ("acme-mint/late/prepaid", Decimal(-310)),
        ("mint-sub/least/minimum", Decimal(310)),
    ]
    again = house.run("2026-03-03", "2026-02")
    assert {outcome["status"] for outcome in again["outcomes"]} == {"unchanged"}
    with opened(Settings(home=house.home)) as connection:
        assert rows(connection, "select * from fct_reconciliation where unexplained <> 0", []) == []
        assert rows(connection, "select * from fct_unrated_usage", []) == []
