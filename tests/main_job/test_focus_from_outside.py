"""A FOCUS file of three vendors from outside, from inbox to draft invoices. Truth: Python's csv and Decimal."""

from __future__ import annotations

import csv
from collections import defaultdict
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import pytest

from tests.main_job.conftest import MainJob
from tests.worlds.builder import World

KINDS = {"AWS": "aws_account", "Microsoft": "azure_subscription", "Oracle": "oci_account"}
VENDORS = {"AWS": "aws", "Microsoft": "azure", "Oracle": "oci"}


@pytest.mark.slow
@pytest.mark.outside
def test_a_bill_of_three_vendors_is_sold_to_the_cent(tmp_path: Path, outside_data: Path, main_job: MainJob) -> None:
    """Fails when a row of the sample is lost, stands under another vendor or billing account, cannot be walked back to
    its file and row, or is not resold at its mark-up; or when a hop leaves a difference without an explanation."""
    sample = outside_data / "focus-sample" / "focus_sample.public.csv"
    with sample.open(newline="", encoding="utf-8") as text:
        rows = list(csv.DictReader(text))
    billed: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        billed[VENDORS[row["ProviderName"]], row["BillingAccountId"]] += Decimal(row["BilledCost"])
    accounts = sorted({(KINDS[row["ProviderName"]], row["SubAccountId"]) for row in rows})

    world = World(tmp_path / "world")
    world.complete_by_hand("focus", "broker", "2024-09", {"sample.csv": sample.read_bytes()}, "first")
    world.catalog(
        "2024-01-01",
        parties=[{"party_id": "reseller", "role": "reseller"}, {"party_id": "customer"}],
        agreements=[{"seller_id": "reseller", "buyer_id": "customer", "cost_view": "billed"}],
        payers=[{"payer_id": payer, "vendor": vendor, "party_id": "reseller"} for vendor, payer in billed],
        resource_owners=[
            {"resource_kind": kind, "resource_id": account, "party_id": "customer"} for kind, account in accounts
        ],
        price_rules=[{"agreement_id": "reseller-customer", "value": "0.10"}],
        tax_rates=[{"seller_country": "DE", "rate": "0.19"}],
    )
    marts = main_job(world.inbox, ["2024-09"], now="2024-10-03T00:00:00Z")

    def asked(query: str) -> list[tuple]:
        return marts.execute(query).fetchall()

    assert asked(
        "select count(*), count(distinct source_row), min(source_row), max(source_row) from fct_cost_and_usage"
    ) == [(len(rows), len(rows), 1, len(rows))]
    assert asked("select source_file, source_row from fct_cost_and_usage where billed_cost = 0.00001605990") == [
        ("focus/broker/manual/2024-09/first/sample.csv", 2)
    ]
    found = asked("select x_vendor, billing_account_id, sum(billed_cost) from fct_cost_and_usage group by all")
    assert {(vendor, payer): cost for vendor, payer, cost in found} == billed
    for view in ("billed", "effective", "owner", "real"):
        column = "billed_cost" if view == "billed" else "effective_cost"
        assert asked(f"select sum(amount) from fct_account_costs where cost_view = '{view}'") == asked(
            f"select sum({column}) from fct_cost_and_usage"
        )
    assert asked("select count(*) from quarantine") == [(0,)]
    assert asked("select count(*) from fct_unrated_usage where holds_close") == [(0,)]
    assert asked("select distinct vendor from dim_account order by 1") == [("aws",), ("azure",), ("oci",)]

    [(net,)] = asked("select net_amount from fct_invoices where buyer_id = 'customer'")
    resold = sum(billed.values()) * Decimal("1.10")
    assert net == resold.quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    assert asked("select distinct source, account from fct_reconciliation where source <> 'rounding'") == [
        ("focus", "broker")
    ]
    assert asked(
        "select hop, sum(amount), max(abs(unexplained)) from fct_reconciliation where source = 'focus' group by all"
        " order by min(hop_number) limit 4"
    ) == [(hop, sum(billed.values()), 0) for hop in ("delivered", "landed", "costed", "allocated")]
