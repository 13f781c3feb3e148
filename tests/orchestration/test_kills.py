"""Kill -9 at every stage of a run: what is left is whole, and the next run ends where an undisturbed one does."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.orchestration.command import marts, meterhouse, outcomes, start

pytestmark = [pytest.mark.slow, pytest.mark.dbt, pytest.mark.xdist_group("tiny_world")]
BOTH = ("--period", "2026-01", "--period", "2026-02")

# In the order a run comes to them; dbt_event:60 dies while dbt, in a process of its own, is writing.
STAGES = [
    "land_before_data:1",
    "land_after_data:1",
    "land_before_manifest:3",
    "land_after_manifest:4",
    "load_views:1",
    "load_before_commit:1",
    "load_after_commit:1",
    "dbt_before:1",
    "dbt_event:5",
    "dbt_after:1",
    "dbt_before:2",
    "dbt_event:100",
    "dbt_after:2",
    "export_before_rename:8",
]


def children(process: int) -> list[int]:
    """Process ids of its children, by /proc."""
    task = Path(f"/proc/{process}/task/{process}/children")
    return [int(text) for text in task.read_text("ascii").split()] if task.exists() else []


def test_killed_at_every_stage_the_next_run_ends_where_an_undisturbed_one_does(first_run: Path, tmp_path: Path) -> None:
    """Fault 61. Fails when a kill at landing, loading, dbt or export leaves something a re-run does not put right."""
    shutil.copytree(first_run.parent / "inbox", tmp_path / "inbox")
    home, variables = tmp_path / "home", {"METERHOUSE_INBOX": str(tmp_path / "inbox")}
    for stage in STAGES:
        process = start(home, "run", *BOTH, METERHOUSE_FAULT=stage, **variables)
        _, err = process.communicate(timeout=600)
        assert process.returncode == -signal.SIGKILL, f"{stage} was not reached:\n{err}"
    report = meterhouse(home, "run", *BOTH, **variables)
    assert set(outcomes(report).values()) == {"materialised"}
    assert marts(home) == marts(first_run)
    assert meterhouse(home, "doctor", **variables), "runs that died are ended, their slots freed"


def test_dbt_killed_under_us_is_a_failure_that_the_next_run_puts_right(first_run: Path, tmp_path: Path) -> None:
    """Fault 61. Fails when the death of the dbt process passes for success, or leaves a file nobody can open."""
    shutil.copytree(first_run.parent, tmp_path, dirs_exist_ok=True)
    home, variables = tmp_path / "home", {"METERHOUSE_INBOX": str(tmp_path / "inbox")}
    shutil.rmtree(home / "warehouse")
    process = start(home, "run", *BOTH, "--json", **variables)
    while process.poll() is None:
        dbt = [child for child in children(process.pid) if b"monthly" in Path(f"/proc/{child}/environ").read_bytes()]
        if dbt:
            time.sleep(3)  # past its start, into its models
            os.kill(dbt[0], signal.SIGKILL)
            break
        time.sleep(0.05)
    process.communicate(timeout=600)
    assert process.returncode == 3
    meterhouse(home, "run", *BOTH, **variables)
    assert marts(home) == marts(first_run)
