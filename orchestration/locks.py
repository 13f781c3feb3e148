"""Who may write: one lock for a command's whole run, one for each step that opens the warehouse.

The DuckDB file has one writing process. A step takes the warehouse's lock for as long as it has the file open (dbt
included); `meterhouse run` takes the run's lock as well, so that a second one waits instead of doing the work twice.
The operating system releases both when a process dies, however it dies.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from orchestration.settings import Settings


class Busy(RuntimeError):
    """Somebody else holds a lock for longer than we wait."""


def lock_paths(settings: Settings) -> dict[str, Path]:
    return {
        "run": settings.root / "run.lock",
        "simulation": settings.root / "simulation.lock",
        "export": settings.root / "export.lock",
        "warehouse": settings.warehouse_path.parent / "warehouse.lock",
    }


def holder(path: Path) -> int | None:
    """Process that holds the lock, None where nobody does."""
    if not path.exists():
        return None
    probe = FileLock(path, timeout=0)
    try:
        probe.acquire()
    except Timeout:
        try:
            return int(path.with_suffix(".holder").read_text("utf-8"))
        except (OSError, ValueError):
            return 0  # taken this instant, its holder not written yet
    probe.release()
    return None


@contextmanager
def locked(settings: Settings, name: str) -> Iterator[None]:
    """Holds the lock of this name (`lock_paths`); raises Busy after METERHOUSE_LOCK_TIMEOUT seconds."""
    path = lock_paths(settings)[name]
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=settings.lock_timeout)
    try:
        lock.acquire(poll_interval=0.1)
    except Timeout:
        raise Busy(
            f"process {holder(path) or 'unknown'} has held the {name} lock of {settings.root} for more than "
            f"{settings.lock_timeout:g} seconds (METERHOUSE_LOCK_TIMEOUT): wait for it, or see `meterhouse doctor`"
        ) from None
    try:
        path.with_suffix(".holder").write_text(str(os.getpid()), "utf-8")
        yield
    finally:
        lock.release()
