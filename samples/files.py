"""Writing the files of an inbox: bytes that depend on their content alone, times that are given.

Used by the writers of every feed. Knows no feed.
"""

from __future__ import annotations

import gzip
import os
from datetime import datetime
from pathlib import Path


def write(path: Path, content: bytes, delivered_at: datetime | None = None) -> Path:
    """Writes `content`; the file carries the instant of its delivery where one is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    stamp(path, delivered_at)
    return path


def stamp(path: Path, delivered_at: datetime | None) -> None:
    """Sets the file's time, which object stores report as the time of receipt."""
    if delivered_at is not None:
        os.utime(path, (delivered_at.timestamp(), delivered_at.timestamp()))


def gzipped(content: bytes) -> bytes:
    """gzip without a clock: the same content gives the same bytes."""
    return gzip.compress(content, compresslevel=6, mtime=0)
