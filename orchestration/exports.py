"""Marts as Parquet beside the warehouse, for readers that must not hold the DuckDB file open.

`<home>/warehouse/exports/<mart>/<YYYY-MM>.parquet`, or `all.parquet` for a mart that has no month. Which marts
those are is read from the manifest (folder, metadata), never from a list of names.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from ingestion.faultpoints import reached
from orchestration.periods import period_of
from orchestration.snowflake_session import Session
from orchestration.tables import quoted

MADE_FROM = "meterhouse_made_from"  # key of the file's own metadata
# Two threads cut the file into row groups as they happen to meet; a join whose sides DuckDB chooses by size gives the
# rows in the order of either.
ONE_AFTER_ANOTHER = {"threads": "1", "disabled_optimizers": "join_order,build_side_probe_side"}


@dataclass(frozen=True, slots=True)
class Mart:
    schema: str
    name: str
    monthly: bool  # holds one month beside the other
    without: tuple[str, ...] = ()  # columns that stay out of the file
    row_key: tuple[str, ...] = ()  # what names a row, where it says so: cheaper to order by than every column
    in_order: bool = False  # its rows stand in one order however they were computed: nothing to sort

    @property
    def relation(self) -> str:
        return f'"{self.schema}"."{self.name}"'


def export(
    connection: duckdb.DuckDBPyConnection, mart: Mart, month: date | None, exports: Path, made_from: str = ""
) -> int | None:
    """Writes one month of a mart (or the whole of one without months), whole or not at all; returns its rows.

    made_from   a hash of what the rows come from; a file that says it was made from the same stays, and None comes back
    """
    file = exports / mart.name / f"{period_of(month) if month and mart.monthly else 'all'}.parquet"
    if made_from and file.exists() and _made_from(file) == made_from:
        return None
    file.parent.mkdir(parents=True, exist_ok=True)
    written = file.with_suffix(".part")
    columns = f"* exclude ({_listed(mart.without)})" if mart.without else "*"
    where = f"where billing_period = date '{month:%Y-%m-%d}'" if month and mart.monthly else ""
    # Ordered, so that equal rows give equal files however they were computed; by every column where no key is known.
    order = f"order by {_listed(mart.row_key) or 'all'}"
    query = f"select {columns} from {mart.relation} {where}"
    if isinstance(connection, Session):
        frame = frame_of(connection.execute(f"{query} {order}".replace('"', "")))  # its names are in capitals
        frame.write_parquet(written, compression="zstd", metadata={MADE_FROM: made_from} if made_from else None)
        rows = frame.height
    elif made_from:
        # Every line of a bill, in the order it was delivered. Snappy takes half the CPU of zstd.
        options = f"compression snappy, kv_metadata {{{MADE_FROM}: '{made_from}'}}"
        rows = _streamed(connection, query, written, options, {})
    elif mart.in_order:
        rows = _streamed(connection, query, written, "compression zstd", ONE_AFTER_ANOTHER)
    else:
        rows = _copied(connection, f"{query} {order}", written, "compression zstd")
    reached("export_before_rename")
    os.replace(written, file)
    return rows


def _streamed(
    connection: duckdb.DuckDBPyConnection, query: str, file: Path, options: str, settings: Mapping[str, str]
) -> int:
    """Rows in the order they stand in: nothing to sort, nothing to hold. Of 1.5 million lines 4.9 CPU-s and 0.6 GB,
    sorted 7.3 CPU-s and 2.5 GB; of 3.7 million account costs 3.9 CPU-s and 0.3 GB, sorted 10 and 1.9."""
    settings = {"preserve_insertion_order": "true", **settings}
    before = [connection.execute(f"select current_setting('{name}')").fetchone() for name in settings]
    try:
        for name, value in settings.items():
            connection.execute(f"set {name} = '{value}'")
        return _copied(connection, query, file, options)
    finally:
        for name, (value,) in zip(settings, before, strict=True):
            connection.execute(f"set {name} = '{value}'")


def _copied(connection: duckdb.DuckDBPyConnection, query: str, file: Path, options: str) -> int:
    copied = connection.execute(f"copy ({query}) to {quoted(str(file))} (format parquet, {options})").fetchone()
    (rows,) = copied or (0,)
    return rows


def _made_from(file: Path) -> str:
    """What the file says it was made from; nothing where it does not say."""
    return pl.read_parquet_metadata(file).get(MADE_FROM, "")


def _listed(columns: Iterable[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


# Snowflake's types by the code its connector gives them; NUMBER is told apart by its scale.
_TYPES: dict[int, pl.DataType | type[pl.DataType]] = {
    2: pl.String,
    3: pl.Date,
    8: pl.Datetime("us"),
    13: pl.Boolean,
}


def frame_of(session: Session) -> pl.DataFrame:
    """The session's result with the types DuckDB would have exported."""
    schema = {
        name: (pl.Decimal(38, scale) if scale else pl.Int64) if code == 0 else _TYPES[code]
        for name, code, _, _, _, scale, _ in session.description
    }
    return pl.DataFrame(session.fetchall(), schema=schema, orient="row")
