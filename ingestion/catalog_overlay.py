"""Another catalog over the one the lake has, in a lake of its own: what a what-if or an earlier time is rated by.

The real lake is only read. The other catalog lands through the same code as any delivery, so it is judged as one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl

from ingestion.contracts import inbound_contracts
from ingestion.lake import Lake
from ingestion.landing import LandingReport, land
from ingestion.sources.catalog import FEED, recorded_at
from ingestion.storage import Storage

TABLES = frozenset(contract.table for contract in inbound_contracts() if contract.feed == FEED)


class NoCatalog(ValueError):
    """There is nothing to rate by: the message says where it was looked for."""


def copy_standing(lake: Lake, into: Storage, at: str = "9999") -> str:
    """Copies each catalog table's delivery that stands at `at` (ISO instant, UTC); returns when the last was recorded.

    Raises NoCatalog where nothing had been delivered by then.
    """
    last = ""
    for contract in inbound_contracts():
        delivery = lake.standing(contract.table, at) if contract.feed == FEED else None
        if delivery is None:
            continue
        last = max(last, delivery.details["recorded_at"])
        manifest = next(m for m in lake.landed(contract) if m.landing_id == delivery.delivery_id)
        for part in manifest.parts:
            into.write(part.key, lake.storage.read_bytes(part.key))
        into.write(manifest.key, replace(manifest, quarantined=[]).to_bytes())  # rows that were lost stay so
    if not last:
        raise NoCatalog(f"the lake at {lake.storage.uri} knew no catalog at {at}")
    return last


def newest_tables(folder: Storage) -> dict[str, str]:
    """Table -> key of its newest file in a folder of tables, of `<delivered_at>` folders, or an inbox.

    Raises NoCatalog where there is none, or a CSV file that is no catalog table.
    """
    newest: dict[str, tuple[datetime, str]] = {}
    for file in folder.files(""):
        parent, _, name = file.key.removeprefix(f"{FEED}/").rpartition("/")
        instant = recorded_at(parent) if parent else datetime.min
        if instant is None or not name.endswith(".csv"):
            continue
        table = name.removesuffix(".csv")
        if table not in TABLES:
            raise NoCatalog(f"{file.key} is no catalog table: there are {', '.join(sorted(TABLES))} .csv")
        newest[table] = max(newest.get(table, (datetime.min, "")), (instant, file.key))
    if not newest:
        raise NoCatalog(f"no catalog at {folder.uri}: put <table>.csv there, or <delivered_at>/<table>.csv")
    return {table: key for table, (_, key) in sorted(newest.items())}


def overlaid(lake: Lake, inbox: Storage, other: Storage, last: str) -> tuple[list[str], LandingReport]:
    """Lands another catalog's tables in a lake of copies, an instant after `last`; returns their names and the report.

    `inbox` takes the files as one delivery. What the other catalog does not hold stays as it is in the lake. Raises
    NoCatalog.
    """
    after = datetime.fromisoformat(last) + timedelta(seconds=1)
    folder = f"{FEED}/{after:%Y-%m-%dT%H%M%SZ}/"
    tables = newest_tables(other)
    for table, key in tables.items():
        inbox.write(f"{folder}{table}.csv", other.read_bytes(key))
    report = land(FEED, inbox, lake)
    report.messages += quarantined(lake)
    report.messages = [text.replace(folder, f"{other.uri}/") for text in report.messages]
    return list(tables), report


def quarantined(lake: Lake) -> list[str]:
    """One sentence per row that does not count, without its values."""
    frames = [pl.read_parquet(uri) for uri in lake.quarantine_files()]
    return [
        f"{file}, row {row}, column {column}: {reason}, so it does not count"
        for frame in frames
        for file, row, column, reason in frame.select("source_file", "source_row", "column_name", "reason").iter_rows()
    ]
