"""Published answers of others on our sharing logic: Google's commitment attribution, and a generated AWS bucket."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import Any

import gcp_attribution
import polars
import pytest
from allocation_reference import control_totals

from ingestion.contracts import load_contract
from ingestion.deliveries import Terms
from ingestion.sources import aws_cur
from ingestion.storage import open_storage

JULY = date(2026, 7, 1)
NISE_PAYER = "012345678901"
VIEWS = ("billed", "effective", "owner", "real", "standalone")
SERVICES = {"fee": "Commitments", "cud": "CommittedUse", "sud": "SustainedUse"}


def _lines(case: gcp_attribution.Case) -> list[dict[str, Any]]:
    """The case as a bill: use by project; fee and credits on the billing account, whose rules then share them."""

    def line(account: str, kind: str, service: str, cost: Fraction) -> dict[str, Any]:
        return {
            "bill_payer_account_id": case.name, "billing_period": JULY, "line_item_usage_account_id": account,
            "line_item_line_item_type": kind, "line_item_product_code": service, "line_item_currency_code": "USD",
            "line_item_usage_start_date": datetime(2026, 7, 21, 8), "line_item_unblended_cost": Decimal(float(cost)),
            "line_item_usage_amount": Decimal(1), "delivery_id": case.name, "source_file": "f",
        }  # fmt: skip

    lines = [line(project, "Usage", "ComputeEngine", amount) for project, amount in case.usage.items()]
    lines.append(line(case.name, "Fee", SERVICES["fee"], case.fee))
    lines += [line(case.name, "Credit", SERVICES[kind], amount) for (_, kind), amount in case.credits.items()]
    return [one | {"source_row": number} for number, one in enumerate(lines, 1)]


def _rules(case: gcp_attribution.Case) -> list[dict[str, Any]]:
    """One rule each for fee and credits; weights as whole numbers, so that nothing is rounded before the split."""
    rows = []
    for position, (what, weights) in enumerate(case.weights.items(), 1):
        whole = lcm(*(weight.denominator for weight in weights.values()))
        targets = ";".join(f"{project}={int(weight * whole)}" for project, weight in weights.items() if weight)
        if targets and (what == "fee" or any(kind == what for _, kind in case.credits)):
            rows.append(
                {"rule_id": f"{case.name}-{what}", "payer_id": case.name, "position": position, "method": "fixed"}
                | {"match_service": SERVICES[what], "targets": targets, "recorded_at": "2026-07-01 00:00:00"}
            )
    return rows


def _generated_bucket(outside_data: Path, folder: Path) -> list[dict[str, Any]]:
    """July of the generated bucket, as landing reads it."""
    shutil.copytree(outside_data / "nise-aws-small" / "bucket", folder / "aws_cur" / NISE_PAYER)
    inbox = open_storage(folder)
    [july] = aws_cur.find(inbox, "2026-07", Terms({}))
    batches = list(aws_cur.read(inbox, july, load_contract("aws_cur.line_items")))
    assert all(batch.rejected.is_empty() for batch in batches)
    good = polars.concat([batch.good for batch in batches])
    filled = [name for name in good.columns if good[name].null_count() < good.height]
    landed = {"billing_period": JULY, "delivery_id": "nise", "source_file": "f"}
    return [row | landed | {"source_row": number} for number, row in enumerate(good.select(filled).to_dicts(), 1)]


@pytest.fixture(scope="module")
def attributed(scratch_warehouse, outside_data, tmp_path_factory):
    """Every case of Google's tool as a payer, and the generated bucket beside them. One build."""
    cases = [gcp_attribution.read(folder) for folder in sorted((outside_data / "gcp-cud-attribution").glob("test_*"))]
    bucket = _generated_bucket(outside_data, tmp_path_factory.mktemp("nise"))
    lines = [line for case in cases for line in _lines(case)] + bucket
    warehouse = scratch_warehouse(
        {
            "aws_cur__line_items": lines,
            "catalog__allocation_rules": [row for case in cases for row in _rules(case)],
            "delivery_totals": control_totals(lines),
        }
    )
    warehouse.build("+fct_account_costs +fct_sharing_settlement", "2026-07", "2026-08")
    return warehouse, cases, bucket


def _amounts(warehouse, view: str, payer: str | None = None) -> Mapping[tuple[str, str], Decimal]:
    rows = warehouse.rows(
        "select payer_account_id, sub_account_id, sum(amount) from fct_account_costs where cost_view = ?"
        " and coalesce(payer_account_id = ?, true) group by all",
        view,
        payer,
    )
    return {(of, account): amount for of, account, amount in rows}


@pytest.mark.dbt
@pytest.mark.outside
def test_googles_attribution_cases_come_out_as_published(attributed):
    """Fails when a fee or credit shared by our rules gives a project another cost than Google's own tool, which prints
    binary floats, or a case's total moves."""
    warehouse, cases, _ = attributed
    assert len(cases) == 19
    for view in ("effective", "owner", "real", "standalone"):
        found = _amounts(warehouse, view)
        for case in cases:
            ours = {account: amount for (payer, account), amount in found.items() if payer == case.name}
            total = sum(case.usage.values()) + case.fee + sum(case.credits.values())
            assert sum(ours.values()) == Decimal(float(total)), (case.name, view)
            for project, published in case.answer.items():
                assert abs(ours.get(project, Decimal(0)) - Decimal(float(published))) < Decimal("1e-9"), (
                    case.name, view, project, ours.get(project), float(published)
                )  # fmt: skip
            assert not ours.get(case.name), (case.name, "the billing account keeps nothing")


@pytest.mark.dbt
@pytest.mark.outside
def test_the_generated_bucket_has_its_savings_plans_in_every_view(attributed, outside_data):
    """Fails when a view of the generated month departs from its truth: nothing names another account as a plan's
    owner, so that all but `billed` are the same. The generator leaves a fee's commitment columns out, so that the bill
    does not tell what of its plans was unused, and an empty column is a zero (DECISIONS.md)."""
    warehouse, _, bucket = attributed
    truth = json.loads((outside_data / "nise-aws-small" / "cur-small.truth.json").read_text("utf-8"))
    printed = [row for row in truth["by_month_line_item_type"] if row["month"] == "2026-07"]
    used: dict[str, Decimal] = {
        row["account"]: Decimal(row["savings_plan_effective_cost"])
        for row in truth["by_month_account"]
        if row["month"] == "2026-07" and Decimal(row["savings_plan_effective_cost"])
    }
    by_account: dict[str, Decimal] = defaultdict(Decimal)  # marketplace lines are drawn per line: the bill's own word
    for line in bucket:
        by_account[line["line_item_usage_account_id"]] += line["line_item_unblended_cost"]
    fees: dict[str, Decimal] = defaultdict(Decimal)
    for plan in truth["savings_plans"]:
        fees[plan["owner"]] += Decimal(plan["hourly_commitment"]) * 744
    amortised = {
        account: amount - fees[account] + used.get(account, Decimal(0)) for account, amount in by_account.items()
    }
    for view in VIEWS:
        found = {account: amount for (_, account), amount in _amounts(warehouse, view, NISE_PAYER).items()}
        assert found == (by_account if view == "billed" else amortised), view
    assert sum(by_account.values()) == sum(Decimal(row["unblended_cost"]) for row in printed)
    components = warehouse.rows(
        "select component, sub_account_id, sum(amount) from fct_account_costs where payer_account_id = ?"
        " and cost_view = 'effective' and component in ('used', 'unused', 'borrowed') and amount <> 0 group by all",
        NISE_PAYER,
    )
    assert {(component, account): amount for component, account, amount in components} == {
        ("used", account): amount for account, amount in used.items()
    }
