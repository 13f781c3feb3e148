"""Marts as Parquet, without Dagster or dbt: whole files or none, equal rows in equal files, nothing for nothing."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import pytest

from orchestration.exports import Mart, export

MONTH = date(2026, 1, 1)
MART = Mart("main", "fct_things", monthly=True)
LINES = Mart("main", "fct_lines", monthly=True, without=("billing_period",), row_key=("source_row",))


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for name in ("fct_things", "fct_lines"):
        connection.execute(
            f"create table {name} as select date '2026-01-01' as billing_period, 1000 - range as source_row,"
            " cast(range as decimal(18, 2)) as amount from range(1000)"
            f" union all select date '2026-02-01', 1, 5; create table other_{name} as from {name} order by amount desc"
        )
    return connection


def rows(file: Path) -> list[tuple]:
    return duckdb.execute(f"select * from read_parquet('{file}')").fetchall()


def test_a_file_holds_its_month_and_equal_rows_give_equal_bytes(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """Invariant 3. Fails when another month gets in, or the order in which rows were computed shows in the file."""
    for mart in (MART, LINES):
        assert export(connection, mart, MONTH, tmp_path) == 1000
        shuffled = Mart(mart.schema, f"other_{mart.name}", mart.monthly, mart.without, mart.row_key)
        assert export(connection, shuffled, MONTH, tmp_path) == 1000
        file, other = (tmp_path / name / "2026-01.parquet" for name in (mart.name, shuffled.name))
        assert file.read_bytes() == other.read_bytes()
    assert [row[0] for row in rows(tmp_path / "fct_lines" / "2026-01.parquet")][:3] == [1, 2, 3]
    assert len(rows(tmp_path / "fct_lines" / "2026-01.parquet")[0]) == 2, "billing_period stays out"


def test_lines_made_from_the_same_are_not_written_again(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Fails when a close waits for lines that did not change, or lines that did change stay old."""
    file = tmp_path / "fct_lines" / "2026-01.parquet"
    assert export(connection, LINES, MONTH, tmp_path, "bills-code") == 1000
    assert [row[0] for row in rows(file)] == list(range(1000, 0, -1)), "lines stay in the order they were delivered in"
    first = file.stat().st_mtime_ns
    assert export(connection, LINES, MONTH, tmp_path, "bills-code") is None
    assert file.stat().st_mtime_ns == first
    assert export(connection, LINES, MONTH, tmp_path, "restated-code") == 1000
    assert export(connection, LINES, MONTH, tmp_path) == 1000, "whoever does not say what from gets it written"
    assert export(connection, LINES, MONTH, tmp_path, "restated-code") == 1000


def test_rows_that_stand_in_order_give_equal_bytes_unsorted(tmp_path: Path) -> None:
    """Invariant 3. Fails when the size of other months, the number of threads or the sides of a join show in the file,
    or the export leaves its settings behind."""
    connection = duckdb.connect()
    mart = Mart("main", "fct_seen", monthly=True, in_order=True)
    written = []
    for other_rows, threads in ((1, 1), (200_001, 4)):
        connection.execute(f"set threads = {threads}; set preserve_insertion_order = false")
        connection.execute(
            "create or replace table seen as select date '2026-02-01' as billing_period, range as n, 'both' as seen_in"
            f" from range({other_rows}); insert into seen select date '2026-01-01', hash(range) % 1000,"
            " if(range % 3 = 0, 'both', 'one') from range(300000) order by all;"
            " create or replace view fct_seen as select billing_period, n, shown from seen"
            " inner join (values ('both', 'a'), ('both', 'b'), ('one', 'a')) as views (seen_in, shown) using (seen_in)"
        )
        assert export(connection, mart, MONTH, tmp_path) == 400_000
        written.append((tmp_path / "fct_seen" / "2026-01.parquet").read_bytes())
        settings = "select current_setting('threads'), current_setting('preserve_insertion_order')"
        assert connection.execute(settings).fetchone() == (threads, False)
    assert written[0] == written[1]


FULL = """
import resource, sys
from datetime import date
from pathlib import Path
import duckdb
from orchestration.exports import Mart, export
connection = duckdb.connect()
things = "select date '2026-01-01' as billing_period, uuid() as text from range(200000)"
connection.execute(f"create table fct_things as {things}")
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
export(connection, Mart("main", "fct_things", True), date(2026, 1, 1), Path(sys.argv[1]))
"""


def test_a_full_disk_leaves_the_former_file(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Fault 62. Fails when an export that finds no room takes the place of the one that was there."""
    export(connection, MART, MONTH, tmp_path)
    file = tmp_path / "fct_things" / "2026-01.parquet"
    before = file.read_bytes()
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0 and "File too large" in done.stderr, done.stderr[-2000:]
    assert file.read_bytes() == before
