"""Room on disk, asked for before the first byte is written: a full disk later on costs the work done until then.

Neither is needed for what was there to stay: every write of the house is whole or not at all (fault 62).
"""

from __future__ import annotations

import shutil
from pathlib import Path

FACTOR = 3  # times the bytes to be read: the rows themselves, their copy on the way, what is spilled while sorting


class NoRoom(OSError):
    """Less is free than the work may need; nothing was written."""


def need_room(place: Path, size: int, what: str) -> None:
    """Raises NoRoom where less than three times `size` bytes are free on the disk of `place` (or of its parents)."""
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < FACTOR * size:
        raise NoRoom(
            f"{what}: {size:,} bytes need {FACTOR * size:,} bytes of room at {place}, {free:,} are free. "
            "Nothing was written: make room, then run again"
        )
