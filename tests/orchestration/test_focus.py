"""The feed `focus` in Dagster and the warehouse: what its asset says, and the table of homes that have none of it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

from ingestion.contracts import load_contract
from ingestion.lake import Lake
from ingestion.storage import open_storage
from orchestration.deliveries_seen import billed_periods, complete_deliveries
from orchestration.exposing import expose_lake
from orchestration.run import _landed
from orchestration.settings import get_settings
from orchestration.warehouse import opened

HEADER = (
    "BilledCost,BillingAccountId,BillingCurrency,BillingPeriodStart,ChargeCategory,ChargePeriodStart,ChargePeriodEnd"
)
LINE = "{},7,{},2026-01-01T00:00:00Z,Usage,2026-01-05T00:00:00Z,2026-01-06T00:00:00Z"


@pytest.fixture
def delivered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose inbox holds one FOCUS delivery: two rows, one of them of no currency."""
    where = tmp_path / "inbox/focus/acme/manual/2026-01/first"
    where.mkdir(parents=True)
    (where / "1.csv").write_text("\n".join([HEADER, LINE.format("1.50", "USD"), LINE.format("2", "Token")]), "utf-8")
    (where / "_COMPLETE").touch()
    monkeypatch.setenv("METERHOUSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("METERHOUSE_INBOX", str(tmp_path / "inbox"))
    return tmp_path


def shown() -> tuple[dict[str, str], list[tuple[str, Decimal]]]:
    """Columns and rows of the warehouse's FOCUS table, with the lake as it is now."""
    settings = get_settings()
    with opened(settings) as connection:
        expose_lake(connection, Lake(open_storage(settings.lake_uri)), "2026-01", date(2026, 3, 1))
        described = connection.execute("describe lake.focus__line_items").fetchall()
        rows = connection.execute("select billing_account_id, billed_cost from lake.focus__line_items").fetchall()
    return {name: type_.lower() for name, type_, *_ in described}, rows


def test_the_table_is_there_before_any_delivery_and_the_same_after_it(delivered: Path) -> None:
    """Fails when a home made before the feed has no table of it, or one of other columns than a delivery gives."""
    empty, rows = shown()
    assert empty == load_contract("focus.line_items").landed_columns() and rows == []
    reports = _landed(get_settings(), ["2026-01"], {}, lambda text: None)
    assert (reports["focus 2026-01"].landed, reports["inbox"].found) == (1, 0)
    filled, rows = shown()
    assert filled == empty and rows == [("7", Decimal("1.5"))]


def test_a_complete_delivery_asks_for_its_month(delivered: Path) -> None:
    """Fails when the sensor starts no month for a FOCUS delivery, or the month is not among those with a bill."""
    assert set(complete_deliveries(get_settings())) == {"2026-01"}
    assert billed_periods(get_settings()) == ["2026-01"]


def test_its_asset_lands_a_month_and_says_what_the_lake_holds(delivered: Path) -> None:
    """Fails when the asset of the feed lands nothing, another month, or says of a quarantined row that all is well."""
    from orchestration.defs.inbound.focus import focus

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([focus], instance=instance, partition_key="2026-01")
        other = dg.materialize([focus], instance=instance, partition_key="2025-12")
    (made,) = result.asset_materializations_for_node("focus")
    figures = {name: value.value for name, value in made.metadata.items()}
    wanted = {"deliveries": 1, "rows_in": 2, "rows_loaded": 1, "rows_quarantined": 1, "control_total_USD": 1.5}
    assert {name: figures[name] for name in wanted} == wanted
    checks = {evaluation.check_name: evaluation.passed for evaluation in result.get_asset_check_evaluations()}
    assert checks == {
        "control_totals_reconcile": True,
        "rows_are_all_accounted_for": True,
        "few_rows_are_quarantined": False,
    }
    (nothing,) = other.asset_materializations_for_node("focus")
    assert nothing.metadata["deliveries"].value == 0
