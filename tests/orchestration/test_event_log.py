"""Dagster's event log through connections that stay open: the same files, read alike by Dagster's own class."""

from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

import orchestration
from orchestration.event_log import KEPT_OPEN, EventLog


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An instance with the dagster.yaml that is shipped."""
    shutil.copyfile(Path(orchestration.__file__).with_name("dagster.yaml"), tmp_path / "dagster.yaml")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "another"))  # the folder that was opened is what counts
    with dg.DagsterInstance.from_config(str(tmp_path)) as made:
        yield made


@dg.asset
def number() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"rows": 3})


def test_dagsters_own_class_reads_what_ours_wrote(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """Fails when an event is lost, or the files are no longer those that Dagster itself would read."""
    assert isinstance(instance.event_log_storage, EventLog)
    results = [dg.materialize([number], instance=instance) for _ in range(KEPT_OPEN + 1)]
    own = SqliteEventLogStorage(str(tmp_path / "history" / "runs"))
    for result in results:
        ours = instance.all_logs(result.run_id)
        assert len(ours) > 5
        assert own.get_logs_for_run(result.run_id) == ours
    key = dg.AssetKey("number")
    assert own.get_latest_materialization_events([key]) == instance.event_log_storage.get_latest_materialization_events(
        [key]
    )


def test_few_files_stay_open(instance: dg.DagsterInstance) -> None:
    """Fails when a long-lived process keeps one more file open for each run it has looked at."""
    for _ in range(KEPT_OPEN + 2):
        dg.materialize([number], instance=instance)
    assert len(instance.event_log_storage._engines) <= KEPT_OPEN


def test_a_table_that_is_there_is_asked_for_once(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when each event makes an engine to look for a table, or a table that was not there is taken for there."""
    asked: list[str] = []
    original = SqliteEventLogStorage.has_table
    monkeypatch.setattr(
        SqliteEventLogStorage, "has_table", lambda storage, name: asked.append(name) or original(storage, name)
    )
    for _ in range(3):
        dg.materialize([number], instance=instance)
    assert asked and len(asked) == len(set(asked))
    assert [instance.event_log_storage.has_table("no_such") for _ in range(2)] == [False, False]
    assert asked.count("no_such") == 2
