"""Marts as Parquet beside the warehouse, for readers that must not hold the DuckDB file open.

`<home>/warehouse/exports/<mart>/<YYYY-MM>.parquet`, or `all.parquet` for a mart that has no month. Which marts
those are is read from the manifest (folder, materialisation), never from a list of names.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from ingestion.faultpoints import reached
from orchestration.periods import period_of


@dataclass(frozen=True, slots=True)
class Mart:
    schema: str
    name: str
    monthly: bool  # holds one month beside the other

    @property
    def relation(self) -> str:
        return f'"{self.schema}"."{self.name}"'


def export(connection: duckdb.DuckDBPyConnection, mart: Mart, month: date | None, exports: Path) -> int:
    """Writes one month of a mart (or the whole of one without months), whole or not at all; returns its rows."""
    file = exports / mart.name / f"{period_of(month) if month and mart.monthly else 'all'}.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    written = file.with_suffix(".part")
    # Ordered by every column, so that equal rows give equal files however they were computed.
    where = f"where billing_period = date '{month:%Y-%m-%d}'" if month and mart.monthly else ""
    target = str(written).replace("'", "''")
    (rows,) = connection.execute(
        f"copy (from {mart.relation} {where} order by all) to '{target}' (format parquet, compression zstd)"
    ).fetchone() or (0,)
    reached("export_before_rename")
    os.replace(written, file)
    return rows
