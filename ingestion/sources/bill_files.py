"""Vendors' bills, reading: one delivered file -> batches of texts under their delivered names, and where each goes.

Opened by magic, never by name: Parquet, zip, gzip or plain CSV. Shared by the feeds of bills; stands between their
`read` and the readers (`csv_reader.py`, `bill_parquet.py`, `bill_zip.py`).
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import polars as pl
import pyarrow.parquet as pq

from ingestion.casting import payloads
from ingestion.contracts import REJECTED_SCHEMA, Contract
from ingestion.csv_reader import open_csv
from ingestion.deliveries import UNFORESEEN, File, Refused
from ingestion.sources import bill_parquet
from ingestion.sources.bill_columns import Plan, plan, squashed
from ingestion.sources.bill_zip import ZIP_MAGICS, Unzipped
from ingestion.storage import Changed, Storage

HEAD = 1 << 20  # bytes of text looked at for the first row
REMEMBERED = 10_000  # first rows kept in memory: a sensor scans the same files every few seconds


@dataclass(frozen=True, slots=True)
class First:
    """What the first row of a delivery says: a column's text, or None where there is no row or none can be read."""

    has_rows: bool
    value: str | None = None


_first_rows: OrderedDict[tuple[str, str, str], First] = OrderedDict()


def first_of(inbox: Storage, files: Sequence[File], column: str) -> First:
    """What the first row in any of the files says of the contract's column."""
    for file in files:
        key = (inbox.uri, file.key, file.etag)
        if key not in _first_rows:
            _first_rows[key] = _first(inbox, file, column)
            if len(_first_rows) > REMEMBERED:
                _first_rows.popitem(last=False)
        if _first_rows[key].has_rows:
            return _first_rows[key]
    return First(has_rows=False)


def _first(inbox: Storage, file: File, wanted: str) -> First:
    """The file's first such text. A file that is damaged or foreign counts as having rows: reading it says why."""
    try:
        magic = _magic(inbox, file)
        if magic == bill_parquet.MAGIC:
            with inbox.open(file) as stream:
                parquet = pq.ParquetFile(stream)
                names = [name for name in parquet.schema_arrow.names if squashed(name) == squashed(wanted)]
                batches = parquet.iter_batches(batch_size=100, columns=names)
                values = next(batches).column(0).to_pylist() if names and parquet.metadata.num_rows else []
                return First(parquet.metadata.num_rows > 0, next((str(value) for value in values if value), None))
        with (Unzipped(inbox) if magic in ZIP_MAGICS else inbox).open(file) as stream:
            head = (gzip.GzipFile(fileobj=stream) if magic[:2] == b"\x1f\x8b" else stream).read(HEAD)
        encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        records = csv.DictReader(io.StringIO(head.decode(encoding, errors="replace"), newline=""))
        column = next((name for name in records.fieldnames or [] if squashed(name) == squashed(wanted)), None)
        rows = list(records)
        values = (row[column] for row in rows) if column else ()
        foreign = bool(records.fieldnames) and column is None
        return First(bool(rows) or foreign, next((value for value in values if value), None))
    except MemoryError:
        raise
    except (Refused, Changed, OSError, EOFError, zlib.error, csv.Error, *UNFORESEEN):
        return First(has_rows=True)


def _magic(inbox: Storage, file: File) -> bytes:
    with inbox.open(file) as stream:
        return stream.read(4)


def batches(
    inbox: Storage, file: File, contract: Contract
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame, Plan, frozenset[str]]]:
    """(texts under delivered names, rows the reader rejected, plan of the columns, columns that are doubles)."""
    magic = _magic(inbox, file)
    if magic == bill_parquet.MAGIC:
        rows = 0
        with inbox.open(file) as stream:
            for texts, floats in bill_parquet.read_parquet(stream, file.key):
                numbers = pl.int_range(rows + 1, rows + texts.height + 1, eager=True).alias("source_row")
                file_plan = plan(texts.columns, contract, file.key)
                yield texts.with_columns(numbers), pl.DataFrame(schema=REJECTED_SCHEMA), file_plan, floats
                rows += texts.height
        return
    if file.key.endswith(".parquet"):
        raise Refused(f"{file.key}: named .parquet but not Parquet. Deliver the file again.")
    with open_csv(Unzipped(inbox) if magic in ZIP_MAGICS else inbox, file) as opened:
        file_plan = plan(opened.header, contract, file.key)
        empty = pl.DataFrame(schema=dict.fromkeys(opened.header, pl.String()) | {"source_row": pl.Int64()})
        for texts, rejected in chain([(empty, pl.DataFrame(schema=REJECTED_SCHEMA))], opened):
            yield texts, rejected, file_plan, frozenset()


def of_another_month(starts: pl.Series, period: str | None) -> pl.Series:
    """Which instants lie outside the month; all do where there is none."""
    year, month = map(int, (period or "0-0").split("-"))
    return (starts.dt.year() != year) | (starts.dt.month() != month)


def kept_apart(
    good: pl.DataFrame, lines: pl.DataFrame, *strays: tuple[str, str, pl.Series]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(rows of the delivery, its strays, rejected with what stands in `lines`): these would change a closed month.

    `strays`: (reason, column at fault, which rows of `good`); of several the first is told.
    """
    stray = pl.Series([False]).new_from_index(0, good.height)
    for _, _, rows in strays:
        stray = stray | rows
    if not stray.any():
        return good, pl.DataFrame(schema=REJECTED_SCHEMA)
    reasons = good.select(
        "source_file",
        "source_row",
        pl.coalesce(pl.when(rows).then(pl.lit(reason)) for reason, _, rows in strays).alias("reason"),
        pl.coalesce(pl.when(rows).then(pl.lit(column)) for _, column, rows in strays).alias("column_name"),
    ).filter(stray)
    delivered = lines.filter(lines["source_row"].is_in(reasons["source_row"].implode()))
    return good.filter(~stray), reasons.with_columns(payloads(delivered.drop("source_file", "source_row")))


def unknown_columns(file_plan: Plan, reported: set[str], contract: Contract) -> tuple[str, ...]:
    """A message of columns not reported before that only `extra` keeps; adds them to `reported`."""
    new = sorted(set(file_plan.unknown) - reported)
    reported.update(new)
    known = f"contract {contract.id} {contract.version}"
    return (f"{len(new)} columns that {known} does not know are kept in extra: {', '.join(new)}",) if new else ()
