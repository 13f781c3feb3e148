"""The worked examples of the money page, delivered as a bill and a catalog, read from the marts."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from tests.main_job.conftest import MainJob
from tests.worlds.builder import World, line, reservation

A, B, C = "000000000001", "000000000002", "000000000003"


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
        ("real", A, Decimal("22.08")),
        ("real", B, Decimal("28.80")),
        ("standalone", A, Decimal("43.20")),
        ("standalone", B, Decimal("28.80")),
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


@pytest.mark.slow
def test_what_accounts_really_cost_is_settled_invoiced_and_explained(tmp_path: Path, main_job: MainJob) -> None:
    """Fails when reservation, pooled storage and support of section 4 together do not give each account its real cost,
    the invoices are not in that view, or explain-account cannot walk there from the bill."""
    storage = {"service": "AmazonS3", "usage_type": "TimedStorage-ByteHrs", "sku": "STORE", "unit": "GB-Mo"}
    bill = [
        *_reservation_month(),
        # Section 4: tiers 51,200 at 0.023, then 0.022; the pool of 70,000 costs 1,591.20, alone 920.00 and 690.00.
        line(account=A, quantity="40000", cost="909.00", **storage),
        line(account=B, quantity="30000", cost="682.20", **storage),
        line(type="Fee", account=A, service="AWSSupportBusiness", sku="SUPPORT", quantity="1", cost="10.00"),
    ]
    world = _chain(World(tmp_path).cur(A, "2026-01", bill))
    in_real = [("dist", "reseller"), ("reseller", "alpha"), ("reseller", "beta")]
    tiers = [("0", "51200", "0.023"), ("51200", "512000", "0.022"), ("512000", "", "0.021")]
    world.catalog(
        "2026-01-02",
        agreements=[
            {"seller_id": "aws", "buyer_id": "dist", "cost_view": "effective"},
            *({"seller_id": seller, "buyer_id": buyer, "cost_view": "real"} for seller, buyer in in_real),
        ],
        payers=[{"payer_id": A, "party_id": "dist", "sharing_benefit": "owner", "volume_benefit": "pro_rata"}],
        resource_owners=[
            {"resource_kind": "aws_account", "resource_id": account, "party_id": party}
            for account, party in {A: "alpha", B: "beta", C: "beta"}.items()
        ],
        vendor_prices=[
            {
                "vendor": "aws",
                "service": "AmazonS3",
                "sku": "STORE",
                "lower": lower,
                "upper": upper,
                "unit_price": price,
            }
            | {"currency": "USD"}
            for lower, upper, price in tiers
        ],
        allocation_rules=[
            {"rule_id": "support", "payer_id": A, "position": "1", "match_service": "AWSSupportBusiness"}
            | {"method": "fixed", "targets": f"{B}=3;{C}=1"}
        ],
    )
    marts = main_job(world.inbox, ["2026-01"])

    def money(*texts: str) -> list[Decimal]:
        return [Decimal(text) for text in texts]

    views = marts.execute(
        """select cost_view, list(amount order by account) from (select cost_view, sub_account_id as account,
        sum(amount) as amount from fct_account_costs group by all having sum(amount) <> 0) as costs
        group by all order by all"""
    ).fetchall()
    assert views == [
        ("billed", money("962.20", "689.88")),
        ("effective", money("939.00", "710.58", "2.50")),
        ("owner", money("952.20", "697.38", "2.50")),
        ("real", money("931.337142857143", "718.242857142857", "2.50")),
        ("standalone", money("963.20", "726.30", "2.50")),
    ]
    assert marts.execute(
        "select from_account_id, to_account_id, mechanism, amount, lent_amount from fct_sharing_settlement order by all"
    ).fetchall() == [
        (A, B, "volume_tier", Decimal("0.257142857143"), 0),
        (B, A, "ri", Decimal("7.92"), Decimal("13.20")),
    ]
    # Each view times 1.05, and 1.10 more for the customers: 1075.6944, 832.458, 1734.684.
    assert marts.execute("select buyer_id, net_amount from fct_invoices order by 1").fetchall() == [
        ("alpha", Decimal("1075.69")),
        ("beta", Decimal("832.46")),
        ("reseller", Decimal("1734.68")),
    ]
    assert marts.execute("select count(*) from fct_reconciliation where unexplained <> 0").fetchone() == (0,)
    marts.close()

    command = [sys.executable, "-m", "orchestration.cli", "explain-account", "--home", str(tmp_path / "home"), "--json"]
    explained = subprocess.run([*command, B, "--period", "2026-01"], capture_output=True, text=True, check=True)
    steps = json.loads(explained.stdout)["steps"]
    assert [(step["says"], Decimal(step["amount"])) for step in steps] == [
        ("billed: the bill as printed", Decimal("689.88")),
        (f"borrowed from {A}", Decimal("13.20")),
        (f"shared by rule support from {A}", Decimal("7.50")),
        ("effective: what the usage drew", Decimal("710.58")),
        (f"paid to {A} for sharing (reservation)", Decimal("7.92")),
        (f"received from {A} for sharing (volume tiers)", Decimal("-0.257142857143")),
        ("real: after settling what was shared", Decimal("718.242857142857")),
    ]
    assert {step["commitment_discount_id"] for step in steps} == {"-", reservation(A)}
    absent = subprocess.run([*command, "404", "--period", "2026-01"], capture_output=True, text=True, check=False)
    assert (absent.returncode, json.loads(absent.stdout)["steps"]) == (1, [])
