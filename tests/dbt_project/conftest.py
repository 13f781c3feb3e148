"""A warehouse of its own per test module: an empty lake, rows given as values, dbt run on it for real.

warehouse = scratch_warehouse({"aws_cur__line_items": [{"line_item_unblended_cost": "1.5", ...}]})
warehouse.build("+fct_account_costs", "2026-01", "2026-02")      # models, seeds and data tests of January
warehouse.rows("select sub_account_id, amount from fct_account_costs order by 1")
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars
import pytest

from orchestration.lake_views import create_empty_lake
from tests.warm import ended

PROJECT = Path(__file__).parent.parent.parent / "dbt_project"

Row = Mapping[str, Any]


def _text(value: Any) -> str | None:
    """The value as the lake's column types read it; decimals without exponent, so that no digit is lost."""
    if value is None or isinstance(value, str):
        return value
    return f"{value:f}" if type(value).__name__ == "Decimal" else str(value)


@dataclass(slots=True)
class ScratchWarehouse:
    """A DuckDB file with the lake's relations, empty until rows are inserted; dbt runs in a process of its own."""

    path: Path
    target: Path  # dbt's compiled files, shared by the session so that the project is parsed once

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Close it before dbt runs: the file has one writing process."""
        connection = duckdb.connect(str(self.path))
        connection.execute("set TimeZone = 'UTC'")
        return connection

    def insert(self, relation: str, rows: Iterable[Row]) -> None:
        """Adds rows to lake.<relation>, values by column name; every other column is null."""
        given = list(rows)
        names = sorted({name for row in given for name in row})
        frame = polars.DataFrame(
            {name: [_text(row.get(name)) for row in given] for name in names},
            schema=dict.fromkeys(names, polars.String),
        )
        with self.connect() as connection:
            kind = connection.execute(
                "select table_type from information_schema.tables where table_schema = 'lake' and table_name = ?",
                [relation],
            ).fetchone()
            if kind == ("VIEW",):  # of an empty lake: made a table of the same columns
                connection.execute(f'create table lake."{relation} " as from lake."{relation}"')
                connection.execute(f'drop view lake."{relation}"')
                connection.execute(f'alter table lake."{relation} " rename to "{relation}"')
            types = {name: kind for name, kind, *_ in connection.execute(f'describe lake."{relation}"').fetchall()}
            connection.register("given", frame.to_arrow())
            columns = ", ".join(f'"{name}"' for name in names)
            values = ", ".join(f'cast("{name}" as {types[name]})' for name in names)
            connection.execute(f'insert into lake."{relation}" ({columns}) select {values} from given')

    def dbt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs dbt on this file and returns what it said; the caller judges the return code."""
        environment = os.environ | {"METERHOUSE_WAREHOUSE": str(self.path), "METERHOUSE_TARGET": "duckdb"}
        folders = ["--profiles-dir", ".", "--target-path", str(self.target), "--log-path", str(self.target)]
        return ended(["dbt", *arguments, *folders], environment, PROJECT)

    def build(self, select: str, first: str | None = None, end: str | None = None, **variables: int) -> None:
        """`dbt build` of a selection for the months [first, end) ('2026-01'); fails with dbt's words.

        variables   of the project, in the place of those of dbt_project.yml: it is parsed anew for them
        """
        months = ["--event-time-start", f"{first}-01", "--event-time-end", f"{end}-01"] if first else []
        # Unit tests have a run of their own (test_unit_tests.py).
        kinds = ["--exclude-resource-type", "unit_test"]
        # Cautious: a test that also reads models outside the selection waits for a build that has them all.
        words = [*months, *kinds, *(["--vars", json.dumps(variables)] if variables else [])]
        done = self.dbt("build", "--indirect-selection", "cautious", "--select", *select.split(), *words)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            return connection.execute(query, list(parameters)).fetchall()


@pytest.fixture(scope="session")
def scratch_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., ScratchWarehouse]:
    """Makes a warehouse with an empty lake, then inserts `{relation: [row, ...]}`."""
    target = tmp_path_factory.mktemp("target")

    def make(rows: Mapping[str, Iterable[Row]] | None = None) -> ScratchWarehouse:
        warehouse = ScratchWarehouse(tmp_path_factory.mktemp("warehouse") / "scratch.duckdb", target)
        with warehouse.connect() as connection:
            create_empty_lake(connection)
        for relation, given in (rows or {}).items():
            warehouse.insert(relation, given)
        return warehouse

    return make
