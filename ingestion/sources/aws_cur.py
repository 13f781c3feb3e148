"""AWS Cost and Usage Report: deliveries -> batches of typed lines.

`find` (`aws_cur_find.py`, `aws_cur_manifests.py`) says which deliveries the inbox holds; `read` streams one of them:
open by magic, bring columns and maps to one spelling (`aws_cur_columns.py`, `aws_cur_maps.py`), cast under the
contract, and keep apart what belongs to another month or payer. Landing is not done here, nor any arithmetic.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from itertools import chain

import polars as pl
import pyarrow.parquet as pq

from ingestion.casting import payloads
from ingestion.contracts import REJECTED_SCHEMA, Contract, cast
from ingestion.csv_reader import open_csv
from ingestion.deliveries import UNFORESEEN, File, Found, Refused, Rows, Terms
from ingestion.sources import aws_cur_parquet
from ingestion.sources.aws_cur_columns import Plan, canonical, plan, squashed
from ingestion.sources.aws_cur_find import FEED, FOLDER, First, find_deliveries
from ingestion.sources.aws_cur_manifests import is_manifest
from ingestion.sources.aws_cur_zip import ZIP_MAGICS, Unzipped
from ingestion.storage import Changed, Storage

__all__ = ["FEED", "FOLDER", "find", "read"]

PAYER = "bill_payer_account_id"
PERIOD_START = "bill_billing_period_start_date"
HEAD = 1 << 20  # bytes of text looked at for the first row
REMEMBERED = 10_000  # first rows kept in memory: a sensor scans the same files every few seconds

_first_rows: OrderedDict[tuple[str, str, str], First] = OrderedDict()


def find(inbox: Storage, period: str | None, terms: Terms) -> list[Found]:
    """Deliveries of `period` (YYYY-MM; None: all), whole or not, ordered by account, period and version."""
    return find_deliveries(inbox, period, terms, lambda files: _first_of(inbox, files))


def _first_of(inbox: Storage, files: tuple[File, ...]) -> First:
    for file in files:
        key = (inbox.uri, file.key, file.etag)
        if key not in _first_rows:
            _first_rows[key] = _first(inbox, file)
            if len(_first_rows) > REMEMBERED:
                _first_rows.popitem(last=False)
        if _first_rows[key].has_rows:
            return _first_rows[key]
    return First(has_rows=False)


def _first(inbox: Storage, file: File) -> First:
    """The file's first payer. A file that is damaged or foreign counts as having rows: reading it says why."""
    try:
        magic = _magic(inbox, file)
        if magic == aws_cur_parquet.MAGIC:
            with inbox.open(file) as stream:
                parquet = pq.ParquetFile(stream)
                names = [name for name in parquet.schema_arrow.names if squashed(name) == squashed(PAYER)]
                batches = parquet.iter_batches(batch_size=100, columns=names)
                payers = next(batches).column(0).to_pylist() if names and parquet.metadata.num_rows else []
                return First(parquet.metadata.num_rows > 0, next((str(payer) for payer in payers if payer), None))
        with (Unzipped(inbox) if magic in ZIP_MAGICS else inbox).open(file) as stream:
            head = (gzip.GzipFile(fileobj=stream) if magic[:2] == b"\x1f\x8b" else stream).read(HEAD)
        encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        records = csv.DictReader(io.StringIO(head.decode(encoding, errors="replace"), newline=""))
        column = next((name for name in records.fieldnames or [] if squashed(name) == squashed(PAYER)), None)
        rows = list(records)
        payers = (row[column] for row in rows) if column else ()
        foreign = bool(records.fieldnames) and column is None
        return First(bool(rows) or foreign, next((payer for payer in payers if payer), None))
    except MemoryError:
        raise
    except (Refused, Changed, OSError, EOFError, zlib.error, csv.Error, *UNFORESEEN):
        return First(has_rows=True)


def _magic(inbox: Storage, file: File) -> bytes:
    with inbox.open(file) as stream:
        return stream.read(4)


def read(inbox: Storage, found: Found, contract: Contract) -> Iterator[Rows]:
    """Batches of the delivery's lines, file by file; raises Refused to reject the delivery whole."""
    reported: set[str] = set()
    for file in found.files:
        if is_manifest(file.key):
            continue  # stands in the delivery of an empty month only
        for texts, rejected, file_plan, floats in _batches(inbox, file, contract):
            delivered = texts.drop("source_file", "source_row", strict=False)
            lines = canonical(delivered, file_plan, contract, floats).with_columns(
                texts["source_row"], pl.lit(file.key).alias("source_file")
            )
            good, uncast = cast(lines, contract)
            good, strays = _without_strays(good, lines, found)
            new = sorted(set(file_plan.unknown) - reported)
            reported.update(new)
            known = f"contract {contract.id} {contract.version}"
            message = f"{len(new)} columns that {known} does not know are kept in extra: {', '.join(new)}"
            yield Rows(found.period or "", good, pl.concat([rejected, uncast, strays]), (message,) if new else ())


def _batches(
    inbox: Storage, file: File, contract: Contract
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame, Plan, frozenset[str]]]:
    """(texts under delivered names, rows the reader rejected, plan of the columns, columns that are doubles)."""
    magic = _magic(inbox, file)
    if magic == aws_cur_parquet.MAGIC:
        rows = 0
        with inbox.open(file) as stream:
            for texts, floats in aws_cur_parquet.read_parquet(stream, file.key):
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


def _without_strays(good: pl.DataFrame, lines: pl.DataFrame, found: Found) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Lines of another billing period or payer than the delivery's are kept apart: they would change a closed month."""
    year, month = map(int, (found.period or "0-0").split("-"))
    start, other_payer = good[PERIOD_START], good[PAYER] != found.account
    stray = other_payer | (start.dt.year() != year) | (start.dt.month() != month)
    if not stray.any():
        return good, pl.DataFrame(schema=REJECTED_SCHEMA)
    reasons = good.select(
        "source_file",
        "source_row",
        pl.when(other_payer).then(pl.lit("other_payer")).otherwise(pl.lit("other_period")).alias("reason"),
        pl.when(other_payer).then(pl.lit(PAYER)).otherwise(pl.lit(PERIOD_START)).alias("column_name"),
    ).filter(stray)
    delivered = lines.filter(lines["source_row"].is_in(reasons["source_row"].implode()))
    return good.filter(~stray), reasons.with_columns(payloads(delivered.drop("source_file", "source_row")))
