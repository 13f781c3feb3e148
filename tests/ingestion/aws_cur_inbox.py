"""Writes AWS deliveries into a folder as the producer lays them out; for the tests of this feed."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion.contracts import load_contract
from ingestion.deliveries import Found, Refused, Rows, Terms
from ingestion.sources import aws_cur
from ingestion.sources.bill_columns import squashed
from ingestion.storage import Storage, open_storage

PAYER = "000123456789"
CONTRACT = load_contract("aws_cur.line_items")

LINE = {
    "identity/LineItemId": "line-1",
    "bill/PayerAccountId": PAYER,
    "bill/BillingPeriodStartDate": "2026-01-01T00:00:00Z",
    "bill/BillingPeriodEndDate": "2026-02-01T00:00:00Z",
    "lineItem/LineItemType": "Usage",
    "lineItem/UsageAccountId": "000000000042",
    "lineItem/UsageStartDate": "2026-01-05T00:00:00Z",
    "lineItem/ProductCode": "AmazonEC2",
    "lineItem/UsageAmount": "1",
    "lineItem/CurrencyCode": "USD",
    "lineItem/UnblendedCost": "0.10",
}


def line(**changes: str) -> dict[str, str]:
    """A legacy line; keywords are lower-case tails of its columns (`unblendedcost="1"`), others are added as given."""
    by_tail = {name.rsplit("/", 1)[-1].lower(): name for name in LINE}
    return LINE | {by_tail.get(name, name): value for name, value in changes.items()}


def csv_bytes(rows: Sequence[Mapping[str, str]], header: Sequence[str] | None = None) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, header or list(rows[0] if rows else LINE), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def put(path: Path, data: bytes, at: str = "2026-02-01T00:00:00Z") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    seconds = datetime.fromisoformat(at).astimezone(UTC).timestamp()
    os.utime(path, (seconds, seconds))


def gz(data: bytes, level: int = 6) -> bytes:
    return gzip.compress(data, level, mtime=0)


def manifest(
    keys: object, assembly: str, report: str = "daily", month: str = "20260101-20260201", **more: object
) -> bytes:
    start, end = month.split("-")
    document = {
        "assemblyId": assembly,
        "account": PAYER,
        "reportName": report,
        "billingPeriod": {"start": f"{start}T000000.000Z", "end": f"{end}T000000.000Z"},
        "bucket": "producer",
        "reportKeys": keys,
    }
    return json.dumps(document | more).encode()


def legacy(
    inbox: Path,
    files: Mapping[str, bytes],
    assembly: str = "a1",
    report: str = "daily",
    month: str = "20260101-20260201",
    at: str = "2026-02-01T00:00:00Z",
    pointer: bool = True,
    folder: str = PAYER,
) -> None:
    """One assembly of a legacy report: its files, its own manifest and, with `pointer`, the period's."""
    period = inbox / "aws_cur" / folder / "cur" / report / month
    listing = manifest([f"cur/{report}/{month}/{assembly}/{name}" for name in files], assembly, report, month)
    for name, data in files.items():
        put(period / assembly / name, data, at)
    put(period / assembly / f"{report}-Manifest.json", listing, at)
    if pointer:
        put(period / f"{report}-Manifest.json", listing, at)


def manual(
    inbox: Path,
    files: Mapping[str, bytes],
    name: str = "first",
    period: str = "2026-01",
    at: str = "2026-02-01T00:00:00Z",
    folder: str = PAYER,
) -> None:
    where = inbox / "aws_cur" / folder / "manual" / period / name
    for file, data in files.items():
        put(where / file, data, at)
    put(where / "_COMPLETE", b"", at)


def find(inbox: Path | Storage, period: str | None = None, report: Mapping[str, str] | None = None) -> list[Found]:
    storage = open_storage(inbox) if isinstance(inbox, Path) else inbox
    return aws_cur.find(storage, period, Terms(report or {}))


def batches(inbox: Path, found: Found) -> list[Rows]:
    return list(aws_cur.read(open_storage(inbox), found, CONTRACT))


def read(inbox: Path, found: Found) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All good and all rejected rows of a delivery."""
    all_rows = batches(inbox, found)
    return pl.concat([rows.good for rows in all_rows]), pl.concat([rows.rejected for rows in all_rows])


def the_one(inbox: Path, **arguments: object) -> Found:
    """The only complete delivery of the inbox."""
    (found,) = [found for found in find(inbox, **arguments) if found.status == "complete"]  # type: ignore[arg-type]
    return found


def load(inbox: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    return read(inbox, the_one(inbox))


def total(frame: pl.DataFrame, column: str = "line_item_unblended_cost") -> Decimal:
    return sum(frame[column].drop_nulls().to_list(), Decimal(0))


def loaded(inbox: Path, data: bytes, name: str = "x.csv") -> tuple[pl.DataFrame, pl.DataFrame]:
    manual(inbox, {name: data})
    return load(inbox)


def refusal(inbox: Path, data: bytes, name: str = "x.csv") -> str:
    manual(inbox, {name: data})
    with pytest.raises(Refused) as refused:
        load(inbox)
    return str(refused.value)


def parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def snake_line(**changes: object) -> dict[str, object]:
    """The legacy test line under CUR 2.0 names."""
    names = {squashed(alias): column.name for column in CONTRACT.columns for alias in [*column.aliases, column.name]}
    return {names[squashed(name)]: value for name, value in LINE.items()} | changes


def zipped(members: dict[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return sink.getvalue()
