"""What starts a close, and that nothing else does."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from ingestion.lake import Lake
from ingestion.landing import land
from ingestion.storage import open_storage
from tests.invoicing.worlds import one_edge

pytestmark = [pytest.mark.dbt, pytest.mark.xdist_group("definitions")]
CLOSING = {"close_gates", "issued_invoices"}


def test_only_its_own_job_issues(loaded_home: Path) -> None:
    """Issue 5. Fails when a refresh, a delivery or automation of Dagster's could issue a month."""
    from orchestration.definitions import defs

    definitions = defs()
    jobs = {
        job.name: {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
        for job in definitions.resolve_all_job_defs()
        if not job.name.startswith("__")
    }
    assert {name for name, keys in jobs.items() if keys & CLOSING} == {"issue"}
    assert jobs["issue"] == CLOSING
    inbound = {"aws_cur", "edge", "catalog"}
    assert not jobs["month_from_lake"] & inbound and not jobs["reference_data_from_lake"] & inbound
    specs = {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}
    assert all(specs[key].automation_condition is None for key in CLOSING)
    gate = definitions.resolve_asset_graph().get_check_spec(
        dg.AssetCheckKey(dg.AssetKey("close_gates"), "close_gate_is_open")
    )
    assert gate.blocking


def test_the_schedule_closes_last_month_for_every_seller(
    loaded_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when a seller is left out, the wrong month is closed, or the schedule is on before a person says so."""
    from orchestration.defs.monitoring.closes import monthly_close

    world = one_edge(tmp_path)
    monkeypatch.setenv("METERHOUSE_LAKE", str(tmp_path / "lake"))
    land("catalog", open_storage(world.inbox), Lake(open_storage(tmp_path / "lake")))
    at = datetime(2026, 2, 10, 6, tzinfo=UTC)
    requests = list(monthly_close(dg.build_schedule_context(scheduled_execution_time=at)))
    assert [(request.partition_key, request.run_key) for request in requests] == [("2026-01", "2026-01:acme")]
    assert monthly_close.default_status == dg.DefaultScheduleStatus.STOPPED
