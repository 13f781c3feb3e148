"""Writes FOCUS deliveries into a folder as providers lay them out; for the tests of this feed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from aws_cur_inbox import put

from ingestion.contracts import load_contract
from ingestion.deliveries import Found, Refused, Terms
from ingestion.lake import Lake
from ingestion.landing import LandingReport, land
from ingestion.sources import focus
from ingestion.storage import open_storage

CONTRACT = load_contract("focus.line_items")
AWS_ARN = "arn:aws:bcm-data-exports:us-east-1:{}:export/{}-04e9e487-79a7-42b1-a680-1de7c660dc8f"

ROW = {
    "BilledCost": "0.10",
    "BillingAccountId": "000123",
    "BillingCurrency": "USD",
    "BillingPeriodStart": "2026-01-01T00:00:00Z",
    "BillingPeriodEnd": "2026-02-01T00:00:00Z",
    "ChargeCategory": "Usage",
    "ChargePeriodStart": "2026-01-05T00:00:00Z",
    "ChargePeriodEnd": "2026-01-06T00:00:00Z",
}


def row(**changes: str) -> dict[str, str]:
    return ROW | changes


def csv_bytes(rows: Sequence[Mapping[str, str]], header: Sequence[str] | None = None) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, header or list(rows[0] if rows else ROW), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def manual(
    inbox: Path,
    files: Mapping[str, bytes],
    name: str = "first",
    period: str = "2026-01",
    at: str = "2026-02-01T00:00:00Z",
    provider: str = "acme",
) -> None:
    where = inbox / "focus" / provider / "manual" / period / name
    for file, data in files.items():
        put(where / file, data, at)
    put(where / "_COMPLETE", b"", at)


def aws_export(
    inbox: Path,
    files: Mapping[str, bytes],
    export: str = "focus-export",
    below: str = "aws",
    period: str = "2026-01",
    at: str = "2026-02-01T00:00:00Z",
    payer: str = "000000000007",
) -> None:
    """A data export that overwrites its files: data and manifest in folders named by the month."""
    month = f"BILLING_PERIOD={period}"
    root = inbox / "focus" / below / export
    for name, data in files.items():
        put(root / "data" / month / name, data, at)
    listing = {
        "executionId": f"run of {at}",
        "exportArn": AWS_ARN.format(payer, export),
        "dataFiles": [f"s3://bucket/{export}/data/{month}/{name}" for name in files],
    }
    put(root / "metadata" / month / f"{export}-Manifest.json", json.dumps(listing).encode(), at)


def azure_run(
    inbox: Path,
    files: Mapping[str, bytes],
    run: str,
    submitted: str,
    export: str = "focus-cost",
    month: str = "20260101-20260131",
    at: str = "2026-02-01T00:00:00Z",
    scope: str = "/subscriptions/1",
) -> Path:
    """One run of an Azure cost export; gives its folder."""
    below = f"exports/{export}/{month}/202602010300/{run}"
    where = inbox / "focus" / "azure" / below
    for name, data in files.items():
        put(where / name, data, at)
    start = f"{month[:4]}-{month[4:6]}-01T00:00:00"
    blobs = [{"blobName": f"{below}/{name}", "byteCount": len(data), "dataRowCount": 1} for name, data in files.items()]
    document = {
        "manifestVersion": "2024-04-01",
        "byteCount": sum(map(len, files.values())),
        "blobCount": len(files),
        "dataRowCount": len(files),
        "exportConfig": {
            "exportName": export,
            "resourceId": f"{scope}/providers/Microsoft.CostManagement/exports/{export}",
            "dataVersion": "1.0",
            "type": "FocusCost",
        },
        "runInfo": {"executionType": "Scheduled", "submittedTime": submitted, "runId": run, "startDate": start},
        "blobs": blobs,
    }
    put(where / "manifest.json", json.dumps(document).encode(), at)
    return where


def find(inbox: Path, period: str | None = None) -> list[Found]:
    return focus.find(open_storage(inbox), period, Terms())


def the_one(inbox: Path) -> Found:
    """The only complete delivery of the inbox."""
    (found,) = [found for found in find(inbox) if found.status == "complete"]
    return found


def read(inbox: Path, found: Found) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All good and all rejected rows of a delivery."""
    batches = list(focus.read(open_storage(inbox), found, CONTRACT))
    return pl.concat([rows.good for rows in batches]), pl.concat([rows.rejected for rows in batches])


def load(inbox: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    return read(inbox, the_one(inbox))


def loaded(inbox: Path, data: bytes, name: str = "x.csv") -> tuple[pl.DataFrame, pl.DataFrame]:
    manual(inbox, {name: data})
    return load(inbox)


def refusal(inbox: Path, data: bytes, name: str = "x.csv") -> str:
    manual(inbox, {name: data})
    with pytest.raises(Refused) as refused:
        load(inbox)
    return str(refused.value)


def landed(folder: Path, inbox: Path | None = None) -> tuple[LandingReport, Lake]:
    lake = Lake(open_storage(folder / "lake"))
    report = land("focus", open_storage(inbox or folder / "inbox"), lake)
    lake.refresh()
    return report, lake


def current(lake: Lake) -> pl.DataFrame:
    """The rows the warehouse reads."""
    files = lake.current_files(CONTRACT.id)
    return pl.read_parquet(files) if files else pl.DataFrame(schema=CONTRACT.schema())


def total(frame: pl.DataFrame, column: str = "billed_cost") -> Decimal:
    return sum(frame[column].drop_nulls().to_list(), Decimal(0))
