"""Runs the command on a world and opens the marts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import duckdb
import pytest

from tests.orchestration.command import LONGEST

MainJob = Callable[..., duckdb.DuckDBPyConnection]


@pytest.fixture
def main_job(tmp_path: Path) -> Iterator[MainJob]:
    """`main_job(inbox, ["2026-01"])` runs `meterhouse run` in its own process and opens the warehouse read-only."""
    opened: list[duckdb.DuckDBPyConnection] = []

    def run(inbox: Path, periods: Sequence[str], now: str = "2026-06-01T00:00:00Z") -> duckdb.DuckDBPyConnection:
        for connection in opened:
            connection.close()
        home = tmp_path / "home"
        command = [sys.executable, "-m", "orchestration.cli", "run", "--inbox", str(inbox), "--home", str(home)]
        for period in periods:
            command += ["--period", period]
        environment = os.environ | {"METERHOUSE_NOW": now}
        finished = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=LONGEST, check=False
        )
        assert finished.returncode == 0, finished.stdout[-4000:] + finished.stderr[-4000:]
        opened.append(duckdb.connect(str(home / "warehouse" / "warehouse.duckdb"), read_only=True))
        return opened[-1]

    yield run
    for connection in opened:
        connection.close()
