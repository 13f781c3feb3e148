"""Rows on their way into the lake: streams frames into Parquet files, one per month, with the same bytes every time.

Frames are gathered to row groups, so memory is one row group per open month, however long the delivery is.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.deliveries import Refused
from ingestion.manifests import Part
from ingestion.storage import Storage

ROWS_PER_GROUP = 1_000_000
BYTES_PER_GROUP = 128 << 20  # in memory; a bill line takes about 1 kB, so a group of bill lines is some 100,000 rows
MOST_MONTHS = 600  # open files of one landing; more is a clock gone mad, not a delivery


def _arrow(type_: pl.DataType) -> pa.DataType:
    if isinstance(type_, pl.Decimal):
        return pa.decimal128(type_.precision, type_.scale)
    return {
        pl.String(): pa.string(),
        pl.Int64(): pa.int64(),
        pl.Boolean(): pa.bool_(),
        pl.Date(): pa.date32(),
        pl.Datetime("us"): pa.timestamp("us"),
    }[type_]


class _Month:
    """The Parquet file of one month, being written."""

    def __init__(self, path: Path, schema: dict[str, pl.DataType]) -> None:
        self.path, self.rows = path, 0
        self._schema = pa.schema([(name, _arrow(type_)) for name, type_ in schema.items()])
        # No Arrow schema inside: the file's own types say it all, and its bytes do not depend on Arrow's.
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd", store_schema=False)
        self._gathered: list[pl.DataFrame] = []
        self._gathered_rows = self._gathered_bytes = 0

    def add(self, frame: pl.DataFrame) -> None:
        for piece in frame.iter_slices(ROWS_PER_GROUP):
            self._gathered.append(piece)
            self._gathered_rows += piece.height
            self._gathered_bytes += piece.estimated_size()
            if self._gathered_rows >= ROWS_PER_GROUP or self._gathered_bytes >= BYTES_PER_GROUP:
                self._flush()

    def _flush(self) -> None:
        if self._gathered:
            table = pl.concat(self._gathered).to_arrow().cast(self._schema)
            self._writer.write_table(table, row_group_size=ROWS_PER_GROUP)
            self.rows += table.num_rows
        self._gathered, self._gathered_rows, self._gathered_bytes = [], 0, 0

    def close(self) -> None:
        self._flush()
        self._writer.close()
        if pq.ParquetFile(self.path).metadata.num_rows != self.rows:
            raise OSError(f"{self.path.name}: the written file does not hold the {self.rows} rows given to it")


class MonthlyParquet:
    """Parquet files by month in a local folder, then stored under keys that name month and landing."""

    def __init__(self, folder: Path, schema: dict[str, pl.DataType]) -> None:
        self._folder, self._schema = folder, schema
        self._months: dict[str, _Month] = {}
        folder.mkdir(parents=True)

    def add(self, period: str, frame: pl.DataFrame) -> None:
        """Appends rows to the month (YYYY-MM, or "")."""
        if frame.is_empty():
            return
        if period not in self._months:
            if len(self._months) == MOST_MONTHS:
                raise Refused(f"rows of more than {MOST_MONTHS} months in one landing: check the producer's clock")
            self._months[period] = _Month(self._folder / f"{period or 'all'}.parquet", self._schema)
        self._months[period].add(frame.select(list(self._schema)))

    def close(self) -> None:
        """Ends all files. Raises OSError where a file does not hold what was given to it."""
        for month in self._months.values():
            month.close()

    def store(self, storage: Storage, key: str) -> list[Part]:
        """Writes the files to the storage; `key` has `{month}` in it. Ordered by month."""
        parts = []
        for period, month in sorted(self._months.items()):
            target = key.format(month=period or "all")
            storage.write(target, month.path)
            with month.path.open("rb") as stream:
                sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            parts.append(Part(target, period, month.rows, month.path.stat().st_size, sha256))
        return parts
