"""The lake: what has landed, and what of it is current. Reads manifests; `landing.py` writes them.

    landed/<feed>/<table>/<YYYY-MM or all>/<landing_id>/part-0.parquet   never edited
    quarantine/<feed>/<table>/<YYYY-MM or all>/<landing_id>.parquet      rejected rows with their reason
    manifests/<feed>/<landing_id>.json                                   the commit: data without it does not exist
    observations/<feed>.json                                             seen by the last scan, not landed; no truth
    cache/                                                               may be deleted at any time

Which delivery is current is computed here from all manifests, whatever order they came in.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from filelock import FileLock, Timeout

from ingestion import lake_tables
from ingestion.contracts import Contract, inbound_contracts, load_contract
from ingestion.deliveries import Found, Terms
from ingestion.manifests import Delivery, Key, Manifest, digest, newest, replacement_key
from ingestion.storage import Folder, Storage

LOCK_PATIENCE = 900  # seconds a landing waits for another one of the same lake


class Busy(Exception):
    """Another process is landing into this lake and did not end in time."""


class DamagedManifest(Exception):
    """A manifest is not what was written; the message names the file. Its landing cannot be told from none."""


def manifest_of(key: str, content: bytes, landed_at: str) -> Manifest:
    """The manifest in a file of the lake; raises DamagedManifest."""
    try:
        return Manifest.from_bytes(content, landed_at)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedManifest(
            f"{key}: is no manifest any more ({type(error).__name__}). Put it back from a copy of the lake; "
            "`meterhouse verify` names what else has changed"
        ) from error


class Lake:
    """A view of one lake; sees what landed when `refresh` was last called (and once when first asked)."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._read: dict[tuple[str, str], Manifest] = {}  # manifests are never edited: read once per key and etag
        self._issued: dict[tuple[str, str], tuple[str, str]] = {}  # nor are ledger entries
        self._manifests: list[Manifest] | None = None
        self._current: dict[str, dict[Key, Delivery]] = {}
        self._terms: Terms | None = None

    def refresh(self) -> None:
        """Looks at the manifests again."""
        self._manifests, self._current, self._terms = None, {}, None

    def manifests(self) -> list[Manifest]:
        """All commits, ordered by key."""
        if self._manifests is None:
            listed = list(self.storage.files("manifests/"))
            new = [file for file in listed if (file.key, file.etag) not in self._read]
            with ThreadPoolExecutor(8) as pool:
                contents = list(pool.map(lambda file: self.storage.read_bytes(file.key), new))
            for file, content in zip(new, contents, strict=True):
                self._read[file.key, file.etag] = manifest_of(file.key, content, file.modified_at)
            self._manifests = [self._read[file.key, file.etag] for file in listed]
        return self._manifests

    def landed(self, contract: Contract) -> list[Manifest]:
        """The contract's landings, ordered by key."""
        return [m for m in self.manifests() if (m.feed, m.table, m.status) == (contract.feed, contract.table, "landed")]

    def known(self) -> set[str]:
        """Ids of all deliveries that have landed, ever."""
        return {d.delivery_id for m in self.manifests() if m.status == "landed" for d in m.deliveries}

    def current(self, contract: Contract) -> dict[Key, Delivery]:
        """The current delivery of each replacement key, under its newest version; empty for feeds that accumulate."""
        if contract.id not in self._current:
            authoritative = {} if contract.feed == "catalog" else self.terms().authoritative_report
            versions: dict[Key, list[Delivery]] = defaultdict(list)
            for manifest in self.manifests():
                if (manifest.feed, manifest.table) != (contract.feed, contract.table) or manifest.status == "rejected":
                    continue
                for delivery in manifest.deliveries:
                    if (key := replacement_key(contract, delivery)) is not None:
                        versions[key].append(delivery)
            self._current[contract.id] = {key: newest(group, authoritative) for key, group in versions.items()}
        return self._current[contract.id]

    def current_ids(self, contract: Contract) -> set[str]:
        """Ids of the deliveries whose rows the warehouse reads."""
        if contract.properties["delivers"] == "more_rows":
            return {d.delivery_id for m in self.landed(contract) for d in m.deliveries}
        return {delivery.delivery_id for delivery in self.current(contract).values()}

    def _exposed(self, contract: Contract) -> list[Manifest]:
        """Landings whose rows the warehouse reads."""
        ids = self.current_ids(contract)
        return [m for m in self.landed(contract) if any(d.delivery_id in ids for d in m.deliveries)]

    def current_files(self, contract_id: str) -> list[str]:
        """Paths or s3:// URIs of the Parquet files that hold the contract's current rows, ordered.

        Of a catalog table every delivery is there, told apart by recorded_at; but nothing from before an empty one, as
        "the rows delivered last" are then none.
        """
        contract = load_contract(contract_id)
        exposed = self._exposed(contract)
        if contract.properties["delivers"] == "whole_table":
            emptied = max((m.deliveries[0].details["recorded_at"] for m in exposed if not m.parts), default="")
            exposed = [m for m in exposed if m.deliveries[0].details["recorded_at"] > emptied]
        return [self.storage.locate(part.key) for manifest in exposed for part in manifest.parts]

    def months_holding(self, contract: Contract, keys: pl.DataFrame, before: str) -> list[str]:
        """Months before `before` (YYYY-MM) with landed rows that have one of the keys, in order."""
        parts = [part for manifest in self._exposed(contract) for part in manifest.parts if part.period < before]
        months: set[str] = set()
        for part in parts:
            if part.period not in months:
                of_a_folder = isinstance(self.storage, Folder)
                source = self.storage.locate(part.key) if of_a_folder else self.storage.read_bytes(part.key)
                landed = pl.read_parquet(source, columns=keys.columns)
                if not landed.join(keys, on=keys.columns, how="semi").is_empty():
                    months.add(part.period)
        return sorted(months)

    def bytes_of(self, period: str) -> int:
        """Size of the Parquet files that hold the month's current rows."""
        exposed = [manifest for contract in inbound_contracts() for manifest in self._exposed(contract)]
        return sum(part.size for manifest in exposed for part in manifest.parts if part.period == period)

    def quarantine_files(self) -> list[str]:
        """Paths or s3:// URIs of the rejected rows of current deliveries, ordered."""
        return [
            self.storage.locate(part.key)
            for contract in inbound_contracts()
            for manifest in self._exposed(contract)
            for part in manifest.quarantined
        ]

    def terms(self) -> Terms:
        """What the newest landed catalog says about deliveries."""
        if self._terms is None:
            rows = self.rows_of("payers")
            reports: dict[str, str] = {}
            if rows is not None:
                ordered = rows.filter(pl.col("report").is_not_null()).sort("valid_from", nulls_last=False)
                reports = dict(ordered.select("payer_id", "report").iter_rows())  # the last validity counts
            self._terms = Terms(authoritative_report=reports)
        return self._terms

    def standing(self, table: str, recorded_at: str = "9999") -> Delivery | None:
        """The catalog table's delivery that stands at `recorded_at` (ISO instant): its own or the one before."""
        current = self.current(load_contract(f"catalog.{table}"))
        times = [key[0] for key in current if key[0] <= recorded_at]
        return current[(max(times),)] if times else None

    def rows_of(self, table: str, recorded_at: str = "9999", columns: list[str] | None = None) -> pl.DataFrame | None:
        """Rows of the catalog table as they stand at `recorded_at`; None where it was never delivered."""
        delivery = self.standing(table, recorded_at)
        if delivery is None:
            return None
        contract = load_contract(f"catalog.{table}")
        manifest = next(m for m in self.landed(contract) if m.landing_id == delivery.delivery_id)
        schema = contract.schema()
        frames = [pl.DataFrame(schema=schema)]
        for part in manifest.parts:
            frames.append(pl.read_parquet(self.storage.read_bytes(part.key)))
        # A landing under an older contract may lack a column that the table has by now.
        return pl.concat(frames, how="diagonal").select(columns or list(schema))

    def inputs_hash(self, period: str, leave_out: Collection[str] = ()) -> str:
        """Changes when anything that can influence the month changes: its bills, samples up to the month after it
        (time zones reach into the next month, counters back to their last sample), later voids of its events, the
        catalog, the ledger.

        leave_out   keys of ledger entries to take for not written
        """
        inputs = []
        for contract in inbound_contracts():
            if contract.properties["delivers"] == "more_rows":
                inputs += self.inputs_of(contract, period)
            elif contract.properties["delivers"] == "whole_period":
                inputs += [d.delivery_id for d in self.current(contract).values() if d.period == period]
            elif delivery := self.standing(contract.table):
                inputs.append(delivery.delivery_id)
        inputs += [
            name
            for name, affects_from in self._ledger_entries().items()
            if affects_from <= period and name.partition(":")[0] not in leave_out
        ]
        return digest(sorted(inputs))

    def inputs_of(self, contract: Contract, period: str) -> list[str]:
        """Ids of what can influence the month through one contract, sorted: landings of rows up to the month after it
        and of what takes such rows back, current bills up to the month, every landing of a catalog table."""
        delivers = contract.properties["delivers"]
        if delivers == "whole_period":
            return sorted(d.delivery_id for d in self.current(contract).values() if (d.period or "") <= period)
        exposed = self._exposed(contract)
        if delivers == "more_rows":
            year, number = map(int, period.split("-"))
            following = f"{year + number // 12:04d}-{number % 12 + 1:02d}"
            exposed = [manifest for manifest in exposed if any(month <= following for month in manifest.months())]
        return sorted(manifest.landing_id for manifest in exposed)

    def ledger_entries(self) -> list[str]:
        """Names of all entries of the ledger with hashes of their contents, sorted."""
        return sorted(self._ledger_entries())

    def reference_hash(self) -> str:
        """Changes when what has no month does: the catalog, and events, which are checked for having come twice."""
        inputs = []
        for contract in inbound_contracts():
            if contract.properties["delivers"] == "whole_table":
                delivery = self.standing(contract.table)
                inputs += [delivery.delivery_id] if delivery else []
            elif contract.feed == "cloudevents":
                inputs += [manifest.landing_id for manifest in self._exposed(contract)]
        return digest(sorted(inputs))

    def bills_hash(self, period: str) -> str:
        """Changes when the month's bills do, or the payers' terms that their lines are costed by."""
        inputs = [
            delivery.delivery_id
            for contract in inbound_contracts()
            if contract.properties["delivers"] == "whole_period"
            for delivery in self.current(contract).values()
            if delivery.period == period
        ]
        payers = self.standing("payers")
        return digest([*sorted(inputs), payers.delivery_id if payers else ""])

    def _ledger_entries(self) -> dict[str, str]:
        """Ledger entries by key and content -> first month they change: issuing March leaves February be."""
        listed = list(self.storage.files("ledger/"))
        for file in listed:
            if (file.key, file.etag) not in self._issued:
                content = self.storage.read_bytes(file.key)
                name = f"{file.key}:{hashlib.sha256(content).hexdigest()}"
                self._issued[file.key, file.etag] = (name, json.loads(content)["affects_from"])
        return dict(self._issued[file.key, file.etag] for file in listed)

    def deliveries(self) -> list[dict[str, Any]]:
        """Rows of `lake.deliveries`: one per delivered file (per delivery where it has none), whatever became of it."""
        return lake_tables.deliveries(self)

    def first_delivered(self) -> date | None:
        """First day of the first month that anything was landed for; None before that."""
        return lake_tables.first_delivered(self)

    def totals(self) -> list[dict[str, Any]]:
        """Rows of `lake.delivery_totals`: one per landed delivery, month and currency."""
        return lake_tables.totals(self)

    def observed(self) -> list[dict[str, Any]]:
        """What the last scans saw and did not land, with its `feed`."""
        return [
            entry | {"feed": file.key.removeprefix("observations/").removesuffix(".json")}
            for file in self.storage.files("observations/")
            for entry in json.loads(self.storage.read_bytes(file.key))
        ]

    # Writing, for landing.py alone.

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """One landing at a time per lake. Held by the operating system: a killed process lets go of it."""
        if isinstance(self.storage, Folder):
            path = Path(self.storage.locate("cache/landing.lock"))
        else:
            name = hashlib.sha256(self.storage.uri.encode()).hexdigest()[:16]
            path = Path(tempfile.gettempdir()) / f"meterhouse-{os.getuid()}-{name}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(path, timeout=LOCK_PATIENCE):
                self.refresh()
                yield
        except Timeout as error:
            raise Busy(
                f"another landing has held {self.storage.uri} for {LOCK_PATIENCE} s; try again when it ends"
            ) from error

    def commit(self, manifest: Manifest) -> None:
        """Writes the manifest: from here on the landing exists."""
        self.storage.write(manifest.key, manifest.to_bytes())
        self.refresh()

    def observe(self, feed: str, period: str | None, seen: list[Found]) -> None:
        """Replaces what the last scan of the feed (of the month, if one was asked for) saw and did not land."""
        key = f"observations/{feed}.json"
        kept: list[Mapping[str, Any]] = []
        if period and self.storage.exists(key):
            kept = [
                entry for entry in json.loads(self.storage.read_bytes(key)) if entry["period"] not in (period, None)
            ]
        entries = kept + [
            {
                "table_name": found.table,
                "account": found.account,
                "period": found.period,
                "name": found.name,
                "version": found.version,
                "status": found.status,
                "reason": found.reason,
                "received_at": max((file.modified_at for file in found.files), default=""),
                "files": [file.key for file in found.files],
            }
            for found in seen
        ]
        entries.sort(key=lambda entry: (entry["period"] or "", entry["account"], entry["name"], entry["table_name"]))
        data = (json.dumps(entries, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
        if not self.storage.exists(key) or self.storage.read_bytes(key) != data:
            self.storage.write(key, data)
