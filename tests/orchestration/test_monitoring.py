"""What starts runs and what looks at months: the sensor, the schedule, the suite, and the care for runs that died."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from orchestration import expectations
from orchestration.expectations import figures_of, judged, verdicts_on
from orchestration.run import PROCESS_TAG, release_dead_runs
from tests.orchestration.command import RESELLER_ACCOUNT, bill, tiny_world
from tests.worlds.builder import World

pytestmark = [pytest.mark.dbt, pytest.mark.xdist_group("definitions")]


@pytest.fixture
def inbox(tmp_path: Path, loaded_home: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = tiny_world(tmp_path)
    monkeypatch.setenv("METERHOUSE_INBOX", str(world.inbox))
    monkeypatch.setenv("METERHOUSE_NOW", "2026-03-15")
    return world


def asked(cursor: str | None) -> tuple[dict[str, str], str | None]:
    """What one tick of the sensor asks for: period -> run key, and the new cursor."""
    from orchestration.defs.monitoring.refreshes import complete_delivery

    with dg.DagsterInstance.ephemeral() as instance:
        answer = complete_delivery(dg.build_sensor_context(instance=instance, cursor=cursor))
    if isinstance(answer, dg.SkipReason):
        return {}, cursor
    return {str(request.partition_key): str(request.run_key) for request in answer.run_requests or []}, answer.cursor


def test_the_sensor_asks_once_for_each_complete_delivery(inbox: World) -> None:
    """Fails when a complete month is missed, a tick without news asks again, or the key is not of the content."""
    first, cursor = asked(None)
    assert {"2026-01", "2026-02"} <= set(first)
    assert asked(cursor) == ({}, cursor)
    assert asked(None)[0] == first


def test_an_incomplete_delivery_starts_nothing_and_a_new_version_does(inbox: World) -> None:
    """Fault 5. Fails when a manifest whose file has not come starts a run, or a restated month does not."""
    first, cursor = asked(None)
    inbox.cur(RESELLER_ACCOUNT, "2026-01", bill("90.00"))
    late = next(path for path in inbox.written[-1].rglob("*") if path.suffix == ".gz")
    content = late.read_bytes()
    late.unlink()
    waiting, cursor = asked(cursor)
    assert waiting.get("2026-01", first["2026-01"]) == first["2026-01"]
    late.write_bytes(content)
    assert asked(cursor)[0]["2026-01"] != first["2026-01"]


def test_the_daily_refresh_covers_the_open_months(inbox: World) -> None:
    """Fails when the running month or the one AWS still corrects is left out, or two days share a run key."""
    from orchestration.defs.monitoring.refreshes import daily_refresh_of_open_months

    at = datetime(2026, 3, 15, 5, 15, tzinfo=UTC)
    requests = list(daily_refresh_of_open_months(dg.build_schedule_context(scheduled_execution_time=at)))
    assert [request.partition_key for request in requests] == ["2026-02", "2026-03"]
    assert all(str(request.run_key).endswith("2026-03-15") for request in requests)


def test_a_run_whose_process_was_killed_is_ended_and_others_are_left_alone(tmp_path: Path) -> None:
    """Fault 64. Fails when a dead run stays STARTED (and keeps its pool slot), or a run of the UI is touched."""
    with dg.DagsterInstance.ephemeral() as instance:

        @dg.job
        def empty() -> None: ...

        dead = instance.create_run_for_job(empty, tags={PROCESS_TAG: "1"}, status=dg.DagsterRunStatus.STARTED)
        served = instance.create_run_for_job(empty, status=dg.DagsterRunStatus.STARTED)
        assert release_dead_runs(instance) == [dead.run_id]
        assert instance.get_run_by_id(dead.run_id).status == dg.DagsterRunStatus.FAILURE
        assert instance.get_run_by_id(served.run_id).status == dg.DagsterRunStatus.STARTED


@pytest.mark.slow
def test_a_month_four_times_the_last_one_looks_strange() -> None:
    """Fails when the suite passes a month whose total jumps, or fails one that is like the last."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("create schema lake")
    connection.execute(
        "create table fct_account_costs as select date '2026-01-01' + interval (m) month as billing_period, "
        "'USD' as currency, 'effective' as cost_view, "
        "cast(case when m = 2 then 40 else 10 end as decimal(38, 18)) as amount "
        "from range(3) months(m), range(10)"
    )
    connection.execute(
        "create table lake.delivery_totals as select date '2026-01-01' as billing_period, 0 as rows_quarantined, "
        "10 as rows_in, true as is_current"
    )

    def failed(month: int) -> set[str]:
        figures = figures_of(connection, datetime(2026, month, 1).date())
        return {verdict["column"] for verdict in judged(figures, 0.01) if not verdict["passed"]}

    assert failed(1) == set()
    assert failed(2) == set()
    assert failed(3) == {"highest_growth"}


def test_figures_that_were_judged_before_keep_their_verdicts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when the same row is judged twice, or another row, threshold or suite gets the verdicts of this one."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("create schema meterhouse")
    asked: list[tuple[dict[str, float | None], float]] = []
    monkeypatch.setattr(
        expectations, "judged", lambda *row: asked.append(row) or [{"column": "a", "passed": True, "observed": None}]
    )
    figures = {"highest_growth": 0.1 + 0.2, "lowest_growth": None}
    for row in [(figures, 0.01), (figures, 0.01), (figures | {"highest_growth": 0.3}, 0.01), (figures, 0.02)]:
        assert verdicts_on(connection, *row) == [{"column": "a", "passed": True, "observed": None}]
    assert len(asked) == 3
    monkeypatch.setattr(expectations, "version", lambda name: "another")
    verdicts_on(connection, figures, 0.01)
    assert len(asked) == 4


def test_the_shipped_instance_releases_what_a_killed_run_holds() -> None:
    """Fault 64. Fails when monitoring, slot release, a limit or switched-off telemetry leave dagster.yaml."""
    import yaml

    import orchestration

    shipped = yaml.safe_load((Path(orchestration.__file__).parent / "dagster.yaml").read_text("utf-8"))
    assert shipped["telemetry"] == shipped["nux"] == {"enabled": False}
    assert shipped["concurrency"]["pools"] == {"default_limit": 1, "granularity": "op"}
    assert shipped["concurrency"]["runs"] == {"max_concurrent_runs": 1}
    monitoring = shipped["run_monitoring"]
    assert (
        monitoring["enabled"] and monitoring["max_runtime_seconds"] and monitoring["free_slots_after_run_end_seconds"]
    )
    assert shipped["run_retries"]["enabled"]
