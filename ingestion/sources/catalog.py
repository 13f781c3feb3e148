"""Own reference data: `catalog/<delivered_at>/<table>.csv` -> typed tables. Inbox -> rows, before landing.

Each file is the whole table as known at `delivered_at`; an absent file means that the former one stands. A table that
contradicts itself is refused whole (`catalog_checks.py`), a row that is wrong by itself is quarantined, and so is a row
that names what does not exist (`references.py`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

import polars as pl

from ingestion.contracts import REJECTED_SCHEMA, Contract, cast, inbound_contracts
from ingestion.csv_reader import open_csv
from ingestion.deliveries import File, Found, Refused, Rows, Terms
from ingestion.references import rank
from ingestion.sources.catalog_checks import check
from ingestion.storage import Storage

FEED = "catalog"
FOLDER = f"{FEED}/"
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
SECOND = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{6}Z", re.ASCII)
BAD_FOLDER = "name the folder YYYY-MM-DD or YYYY-MM-DDTHHMMSSZ, the time the catalog was known"


def recorded_at(folder: str) -> datetime | None:
    """The instant (UTC, without zone) that a folder's name says; None where it says none."""
    try:
        if DAY.fullmatch(folder):
            return datetime.strptime(folder, "%Y-%m-%d")
        if SECOND.fullmatch(folder):
            return datetime.strptime(folder, "%Y-%m-%dT%H%M%SZ")
    except ValueError:
        return None
    return None


def find(inbox: Storage, period: str | None, terms: Terms) -> list[Found]:
    """All catalog tables in the inbox: oldest first, of one time those first that others refer to.

    Month and terms do not matter. What is no table, or in no folder that names a time, is found as rejected.
    """
    known = {contract.table for contract in inbound_contracts() if contract.feed == FEED}
    folders: dict[datetime, list[str]] = defaultdict(list)
    found: list[Found] = []
    for file in inbox.files(FOLDER):
        folder, _, name = file.key.removeprefix(f"{FEED}/").rpartition("/")
        instant, table = recorded_at(folder), name.removesuffix(".csv")
        if instant is None:
            found.append(_refused(file, "", f"{file.key}: {BAD_FOLDER}"))
        elif not name.endswith(".csv") or table not in known:
            found.append(
                _refused(file, "", f"{file.key} is no catalog table: there are {', '.join(sorted(known))} .csv")
            )
        else:
            if folder not in folders[instant]:
                folders[instant].append(folder)
            found.append(_complete(file, folder, instant, table))
    return sorted((_alone(one, folders) for one in found), key=_order)


def _complete(file: File, folder: str, instant: datetime, table: str) -> Found:
    at = instant.isoformat()
    details = {"recorded_at": at, "delivered_at": folder}
    return Found(FEED, table, "", None, at, f"{folder}/{table}.csv", (file,), details=details)


def _refused(file: File, table: str, reason: str) -> Found:
    name = file.key.removeprefix(f"{FEED}/")
    return Found(FEED, table, "", None, "", name, (file,), status="rejected", reason=reason)


def _alone(found: Found, folders: dict[datetime, list[str]]) -> Found:
    """Two folders of one instant would be one delivery in two versions: the one spelt shorter counts."""
    if found.status == "rejected":
        return found
    first, *others = folders[datetime.fromisoformat(found.details["recorded_at"])]
    if not others or found.details["delivered_at"] == first:
        return found
    reason = f"{found.files[0].key}: {first} names the same instant; give one of the folders another time"
    return _refused(found.files[0], found.table, reason)


def _order(found: Found) -> tuple[str, int, str]:
    return found.version, rank(found.table) if found.status == "complete" else -1, found.name


def read(inbox: Storage, found: Found, contract: Contract) -> Iterator[Rows]:
    """The table, in one batch: it is judged as a whole. Raises Refused where it contradicts itself."""
    (file,) = found.files
    texts, ragged = [], [pl.DataFrame(schema=REJECTED_SCHEMA)]
    with open_csv(inbox, file) as table:
        for rows, rejected in table:
            texts.append(rows)
            ragged.append(rejected)
        header = table.header
    columns = {column.name for column in contract.columns if column.properties.get("source") != "path"}
    unknown = sorted(set(header) - columns)
    empty = pl.DataFrame(schema=dict.fromkeys(header, pl.String) | {"source_file": pl.String, "source_row": pl.Int64})
    frame = pl.concat([empty, *texts])
    frame = pl.DataFrame([series for series in frame.get_columns() if series.name not in unknown])
    frame = frame.with_columns(pl.lit(f"{found.details['recorded_at']}Z").alias("recorded_at"))
    good, rejected = cast(frame, contract, file.key)
    currencies = rejected.filter(pl.col("reason") == "bad_currency")
    if not currencies.is_empty():
        row, column = currencies.row(0, named=True)["source_row"], currencies.row(0, named=True)["column_name"]
        raise Refused(
            f"{file.key}, row {row}, column {column}: no ISO 4217 currency with a minor unit "
            f"(contract {contract.id} {contract.version}); correct the code and deliver the table again"
        )
    check(good, contract, file.key)
    messages = tuple(f"column {name} is not in contract {contract.id} {contract.version}: left out" for name in unknown)
    yield Rows("", good, pl.concat([*ragged, rejected]), messages)
