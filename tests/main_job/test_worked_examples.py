"""The worked examples of the money page, delivered as a bill and a catalog, read from the marts."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.main_job.conftest import MainJob
from tests.worlds.builder import World, line, reservation

A, B = "000000000001", "000000000002"


def _reservation_month() -> list[dict]:
    """Section 4: account A's reservation of 720 h at 0.060; A runs 500 h, B 300 h; on demand 0.096.

    Delivered as one line for each account's covered hours, B's 80 uncovered hours and the monthly fee.
    """
    arn = reservation(A)
    return [
        line(
            type="DiscountedUsage", account=A, quantity="500", cost="0", list_cost="48.000", sku="T3",
            ri=arn, ri_effective="30.000", ri_recurring="30.000",
        ),
        line(
            type="DiscountedUsage", account=B, quantity="220", cost="0", list_cost="21.120", sku="T3",
            ri=arn, ri_effective="13.200", ri_recurring="13.200",
        ),
        line(type="Usage", account=B, quantity="80", cost="7.680", list_cost="7.680", sku="T3"),
        line(
            type="RIFee", account=A, quantity="720", cost="43.200", sku="T3",
            ri=arn, ri_unused_recurring="0", ri_unused_upfront="0",
        ),
    ]  # fmt: skip


def _chain(world: World) -> World:
    return world.catalog(
        parties=[
            {"party_id": "aws", "role": "vendor"},
            {"party_id": "dist", "role": "distributor"},
            {"party_id": "reseller", "role": "reseller"},
            {"party_id": "alpha"},
            {"party_id": "beta"},
        ],
        agreements=[
            {"seller_id": "aws", "buyer_id": "dist", "cost_view": "effective"},
            {"seller_id": "dist", "buyer_id": "reseller", "cost_view": "effective"},
            {"seller_id": "reseller", "buyer_id": "alpha", "cost_view": "effective"},
            {"seller_id": "reseller", "buyer_id": "beta", "cost_view": "effective"},
        ],
        payers=[{"payer_id": A, "party_id": "dist"}],
        resource_owners=[
            {"resource_kind": "aws_account", "resource_id": A, "party_id": "alpha"},
            {"resource_kind": "aws_account", "resource_id": B, "party_id": "beta"},
        ],
        price_rules=[
            {"agreement_id": "dist-reseller", "value": "0.05"},
            {"agreement_id": "reseller-alpha", "value": "0.10"},
            {"agreement_id": "reseller-beta", "value": "0.10"},
        ],
        tax_rates=[{"seller_country": "DE", "rate": "0"}],
    )


@pytest.mark.slow
def test_a_shared_reservation_and_a_chain_come_out_as_on_the_money_page(tmp_path: Path, main_job: MainJob) -> None:
    """Fails when a view of section 4 or a price of section 8 departs from the page, to the last decimal."""
    bill = [
        *_reservation_month(),
        # Section 8: bill 88.00, list 100; reseller + 5 %, customer + 10 %.
        line(account=B, service="AmazonS3", sku="S3", cost="88.00", list_cost="100", quantity="1000"),
    ]
    world = _chain(World(tmp_path).cur(A, "2026-01", bill))
    marts = main_job(world.inbox, ["2026-01"])

    views = marts.execute(
        "select cost_view, sub_account_id, sum(amount) from fct_account_costs where service_name = 'AmazonEC2'"
        " group by all having sum(amount) <> 0 order by all"
    ).fetchall()
    assert views == [
        ("billed", A, Decimal("43.20")),
        ("billed", B, Decimal("7.68")),
        ("effective", A, Decimal("30.00")),
        ("effective", B, Decimal("20.88")),
        ("owner", A, Decimal("43.20")),
        ("owner", B, Decimal("7.68")),
    ]

    key = f"aws/{B}/AmazonS3/S3/Usage"
    charges = marts.execute(
        "select agreement_id, quantity, amount, upstream_amount from fct_rated_charges where charge_key = ?"
        " and agreement_id in ('dist-reseller', 'reseller-beta') order by 1",
        [key],
    ).fetchall()
    assert charges == [
        ("dist-reseller", Decimal(1000), Decimal("92.40"), Decimal("88.00")),
        ("reseller-beta", Decimal(1000), Decimal("101.64"), Decimal("92.40")),
    ]
    margins = marts.execute(
        "select agreement_id, margin from fct_margin where charge_key = ? and margin <> 0 order by 1", [key]
    ).fetchall()
    assert margins == [("dist-reseller", Decimal("4.40")), ("reseller-beta", Decimal("9.24"))]

    # EC2 on the chain: A 30.00 -> 31.50 -> 34.65; B 20.88 -> 21.924 -> 24.1164, with S3's 101.64 -> 125.7564.
    invoices = marts.execute("select buyer_id, net_amount from fct_invoices order by 1").fetchall()
    assert invoices == [
        ("alpha", Decimal("34.65")),
        ("beta", Decimal("125.76")),
        ("reseller", Decimal("145.82")),  # 31.50 + 21.924 + 92.40 = 145.824
    ]
    assert marts.execute("select count(*) from fct_reconciliation where unexplained <> 0").fetchone() == (0,)
