"""Is everything as it was written, and the warehouse made anew from it: `meterhouse verify` and `rebuild`."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ingestion.lake import DamagedManifest, Lake, manifest_of
from ingestion.manifests import Manifest, Part, as_written
from ingestion.storage import Storage, open_storage
from invoicing.ledger import Damaged, Ledger
from orchestration import run, warehouse
from orchestration.exposing import need_every_invoice_seen
from orchestration.locks import locked
from orchestration.periods import BadSetting, period_of
from orchestration.settings import Settings

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Verified:
    entries: int
    files: int
    problems: list[str]  # each starts with the file's key


def changed_files(settings: Settings, tell: Tell = lambda text: None) -> Verified:
    """Reads the ledger and every landed file again and compares hashes; changes nothing."""
    if not settings.lake_is_remote and not Path(settings.lake_uri).is_dir():
        raise BadSetting(f"no lake at {settings.lake_uri}: name its home with --home or METERHOUSE_HOME")
    storage = open_storage(settings.lake_uri)
    ledger = Ledger(storage)
    tell("reading the ledger")
    problems = ledger.verify()
    problems += [] if problems else _forgotten(settings, ledger)
    manifests, changed = _manifests(storage)
    problems += changed
    parts = [part for manifest in manifests for part in (*manifest.parts, *manifest.quarantined)]
    tell(f"reading {len(parts)} landed files")

    def problem(part: Part) -> str | None:
        try:
            with storage.open(next(file for file in storage.files(part.key) if file.key == part.key)) as stream:
                same = hashlib.file_digest(stream, "sha256").hexdigest() == part.sha256
        except StopIteration:
            return f"{part.key}: missing"
        return None if same else f"{part.key}: changed after it was landed (its sha256 is not its manifest's)"

    with ThreadPoolExecutor(4) as pool:
        problems += [found for found in pool.map(problem, parts) if found]
    try:
        entries = len(ledger.entries())
    except Damaged:
        entries = 0  # named among the problems
    return Verified(entries, len(parts), problems)


def _manifests(storage: Storage) -> tuple[list[Manifest], list[str]]:
    """All that can be read, and what is wrong with those that are not as they were written."""
    manifests, problems = [], []
    files = list(storage.files("manifests/"))
    with ThreadPoolExecutor(8) as pool:
        contents = list(pool.map(lambda file: storage.read_bytes(file.key), files))
    for file, content in zip(files, contents, strict=True):
        try:
            manifests.append(manifest_of(file.key, content, file.modified_at))
            if not as_written(content) or manifests[-1].key != file.key:
                problems.append(f"{file.key}: changed after it was written (its sha256 is not that of its content)")
        except DamagedManifest as error:
            problems.append(str(error))
    return manifests, problems


def _forgotten(settings: Settings, ledger: Ledger) -> list[str]:
    """What this warehouse has shown of the ledger and an older copy of it does not know: its own chain is whole."""
    if not warehouse.exists(settings):
        return []
    try:
        with warehouse.opened(settings) as connection:
            need_every_invoice_seen(connection, ledger)
    except Damaged as error:
        return [str(error)]
    except duckdb.Error:
        pass  # a warehouse that cannot be opened remembers nothing
    return []


def rebuilt(settings: Settings, tell: Tell = lambda text: None) -> list[run.Outcome]:
    """Deletes the warehouse and materialises every month that the lake or the ledger knows; lands nothing."""
    run.prepare_home(settings)
    storage = open_storage(settings.lake_uri)
    ledger = Ledger(storage)
    for problem in ledger.verify():
        raise Damaged(problem)
    with locked(settings, "run"):
        periods = _periods(settings, Lake(storage), ledger)
        if not periods:
            raise BadSetting(f"the lake at {settings.lake_uri} holds no month: `meterhouse run` lands one")
        tell(f"deleted {warehouse.deleted(settings)}")
        shutil.rmtree(settings.exports, ignore_errors=True)
        return run.materialised(settings, dict.fromkeys(periods, "rebuilt"), tell, landing=False)


def _periods(settings: Settings, lake: Lake, ledger: Ledger) -> list[str]:
    """Months that were materialised, as the warehouse says, or Dagster where that is lost; else those with anything in
    the lake. And every month the ledger names."""
    try:
        known = set(run.states_of(settings))
    except duckdb.Error:
        known = set()  # a file that cannot be opened is why somebody rebuilds
    known = known or _materialised_before(settings)
    if not known:
        known = {part.period for manifest in lake.manifests() for part in manifest.parts if part.period}
    known |= {entry.period for entry in ledger.entries()} | ledger.months()
    return sorted(period for period in known if settings.first_period <= period <= period_of(settings.clock.date()))


def _materialised_before(settings: Settings) -> set[str]:
    """Months that Dagster has seen to their end."""
    import dagster as dg  # a second and a half: only where the warehouse is lost

    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        return set(instance.get_materialized_partitions(dg.AssetKey("exported_month")))
