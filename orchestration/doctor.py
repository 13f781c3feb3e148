"""`meterhouse doctor`: is the installation sound? Each finding has a figure; nothing is repaired here."""

from __future__ import annotations

import re
import shutil
import sqlite3
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from ingestion.lake import Lake
from ingestion.storage import open_storage
from orchestration.locks import holder, lock_paths
from orchestration.settings import PROJECT_ROOT, Settings

NEEDED_GIB = 1.0  # below it a month of a few million lines may not find room for its temporary files


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    ok: bool
    detail: str


def examine(settings: Settings) -> list[Finding]:
    return [
        _python(),
        _versions(),
        *_locks(settings),
        _disk(settings),
        _inbox(settings),
        _lake(settings),
        _stuck_runs(settings),
    ]


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", sys.version_info[:2] == (3, 11), f"{found}, wanted 3.11")


def _versions() -> Finding:
    """Installed packages against the lock."""
    lock = PROJECT_ROOT / "requirements" / "dev.lock"
    wanted = dict(re.findall(r"^([A-Za-z0-9_.-]+)==([^ \\]+)", lock.read_text("utf-8"), re.MULTILINE))
    needed = re.findall(
        r"^([A-Za-z0-9_.-]+)", (PROJECT_ROOT / "requirements" / "run.in").read_text("utf-8"), re.MULTILINE
    )
    wrong = []
    for name in needed:
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "missing"
        if name in wanted and found != wanted[name]:
            wrong.append(f"{name} {found}, locked {wanted[name]}")
    return Finding("versions", not wrong, "; ".join(wrong) or f"{len(needed)} packages as locked")


def _locks(settings: Settings) -> list[Finding]:
    """A held lock is no fault: a run is going on."""
    holders = {name: holder(path) for name, path in lock_paths(settings).items()}
    return [
        Finding(f"{name} lock", True, "free" if process is None else f"held by process {process or 'unknown'}")
        for name, process in holders.items()
    ]


def _disk(settings: Settings) -> Finding:
    place = settings.root
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / 2**30
    return Finding("disk", free >= NEEDED_GIB, f"{free:.1f} GiB free at {place}, wanted {NEEDED_GIB:g}")


def _inbox(settings: Settings) -> Finding:
    try:
        files = list(open_storage(settings.inbox_uri).files())
    except Exception as error:  # whatever the storage says is the finding
        return Finding("inbox", False, f"{settings.inbox_uri}: {error}")
    return Finding(
        "inbox", bool(files), f"{len(files)} files, {sum(f.size for f in files):,} bytes at {settings.inbox_uri}"
    )


def _lake(settings: Settings) -> Finding:
    try:
        deliveries = Lake(open_storage(settings.lake_uri)).deliveries()
    except Exception as error:  # whatever the storage says is the finding
        return Finding("lake", False, f"{settings.lake_uri}: {error}")
    return Finding("lake", True, f"{len(deliveries)} deliveries readable at {settings.lake_uri}")


def _stuck_runs(settings: Settings) -> Finding:
    """Reads Dagster's run table itself: opening an instance would migrate or create one."""
    file = settings.dagster_home / "history" / "runs.db"
    if not file.exists():
        return Finding("runs", True, "no run yet")
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
        rows = connection.execute(
            "select run_id, start_time from runs where status in ('STARTED', 'STARTING')"
        ).fetchall()
    limit = settings.clock.timestamp() - settings.stuck_after
    stuck = [run_id for run_id, started in rows if (started or 0) < limit]
    names = f": {', '.join(stuck)}; end them in the UI, or run again" if stuck else ""
    return Finding("runs", not stuck, f"{len(rows)} going on, {len(stuck)} stuck{names}")
