"""Two at once: the second waits, then says who holds the lock."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.locks import Busy, holder, lock_paths, locked
from orchestration.settings import Settings

HOLD = """
import sys, time
from orchestration.locks import locked
from orchestration.settings import Settings
with locked(Settings(home=sys.argv[1]), "warehouse"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path: Path):
    """Another process that holds the warehouse's lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_the_second_waits_for_a_stated_time_and_names_the_holder(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    """Fault 63. Fails when the second writer gets in, waits for ever, or does not say who is there."""
    with pytest.raises(Busy, match=f"process {other.pid} .*METERHOUSE_LOCK_TIMEOUT"):  # noqa: SIM117
        with locked(Settings(home=tmp_path, lock_timeout=0.3), "warehouse"):
            pass


def test_a_killed_holder_leaves_no_lock(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    """Fault 61. Fails when a lock outlives its process."""
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    with locked(Settings(home=tmp_path, lock_timeout=5), "warehouse"):
        pass


def test_the_holder_is_known_and_a_free_lock_has_none(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    """Fails when doctor cannot say who holds a lock."""
    paths = lock_paths(Settings(home=tmp_path))
    assert holder(paths["warehouse"]) == other.pid
    assert holder(paths["run"]) is None
