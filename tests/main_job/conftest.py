"""Runs the command on a world and opens the marts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import duckdb
import pytest

from tests.orchestration.command import LONGEST, ROOT
from tests.warm import ended

MainJob = Callable[..., duckdb.DuckDBPyConnection]


@pytest.fixture
def main_job(tmp_path: Path) -> Iterator[MainJob]:
    """`main_job(inbox, ["2026-01"])` runs `meterhouse run`, warm, and opens the warehouse read-only."""
    opened: list[duckdb.DuckDBPyConnection] = []

    def run(inbox: Path, periods: Sequence[str], now: str = "2026-06-01T00:00:00Z") -> duckdb.DuckDBPyConnection:
        for connection in opened:
            connection.close()
        home = tmp_path / "home"
        words = ["meterhouse", "run", "--inbox", str(inbox), "--home", str(home)]
        for period in periods:
            words += ["--period", period]
        finished = ended(words, os.environ | {"METERHOUSE_NOW": now, "PYTHONPATH": str(ROOT)}, ROOT, LONGEST)
        assert finished.returncode == 0, finished.stdout[-4000:] + finished.stderr[-4000:]
        opened.append(duckdb.connect(str(home / "warehouse" / "warehouse.duckdb"), read_only=True))
        return opened[-1]

    yield run
    for connection in opened:
        connection.close()
