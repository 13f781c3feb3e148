"""Content hashes of delivered files, taken once: inbox listing -> sha256. A cache remembers them, and is never truth.

From S3 a file is copied to local disk by its etag, the copy is hashed, and the copy is what gets read.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from ingestion.deliveries import File
from ingestion.storage import Folder, Storage

CACHE = "cache/hashes.json"
SETTLED = 2.0  # seconds; a file younger than this could change again within one tick of its modification time
BLOCK = 8 << 20


class Staged:
    """An inbox of which some files have been copied to local disk: those are read from there."""

    def __init__(self, inbox: Storage) -> None:
        self._inbox = inbox
        self.uri = inbox.uri
        self.files, self.read_bytes, self.exists, self.locate = (
            inbox.files,
            inbox.read_bytes,
            inbox.exists,
            inbox.locate,
        )
        self.write = inbox.write
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._copies: dict[File, Path] = {}

    def open(self, file: File) -> BinaryIO:
        """See Storage."""
        if copy := self._copies.get(file):
            return copy.open("rb")
        return self._inbox.open(file)

    def hash(self, file: File) -> str:
        """sha256 of the listed bytes, in hex. Raises Changed where they are no longer there."""
        if isinstance(self._inbox, Folder):
            with self._inbox.open(file) as stream:
                sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            self.check(file)
            return sha256
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="meterhouse-staged-")
        path = Path(self._folder.name) / str(len(self._copies))  # a name of our own: a key may hold anything
        digest = hashlib.sha256()
        with self._inbox.open(file) as source, path.open("wb") as target:
            while block := source.read(BLOCK):
                digest.update(block)
                target.write(block)
        self._copies[file] = path
        return digest.hexdigest()

    def check(self, file: File) -> None:
        """Raises Changed where the file is no longer the listed one. A copy cannot change."""
        if file not in self._copies and isinstance(self._inbox, Folder):
            self._inbox.open(file).close()

    def forget_copies(self) -> None:
        """Frees the local disk."""
        self._copies = {}
        if self._folder:
            self._folder.cleanup()
            self._folder = None


class Fingerprints:
    """Remembers sha256 by (inbox, key, size, etag) beside the lake, so that a second look reads no file."""

    def __init__(self, lake: Storage, staged: Staged) -> None:
        self._lake, self._staged = lake, staged
        self._known: dict[str, str] = {}
        with contextlib.suppress(FileNotFoundError, ValueError):
            self._known = dict(json.loads(lake.read_bytes(CACHE)))
        self._news = False

    def of(self, file: File) -> str:
        """sha256 of the file in hex. Raises Changed where it is no longer the listed one."""
        name = f"{self._staged.uri}|{file.key}|{file.size}|{file.etag}"
        if name not in self._known:
            sha256 = self._staged.hash(file)
            if not self._is_settled(file):
                return sha256
            self._known[name] = sha256
            self._news = True
        return self._known[name]

    @staticmethod
    def _is_settled(file: File) -> bool:
        try:
            return time.time() - datetime.fromisoformat(file.modified_at).timestamp() > SETTLED
        except ValueError:
            return False

    def save(self) -> None:
        """Writes the cache where it has something new."""
        if self._news:
            self._lake.write(CACHE, (json.dumps(self._known, indent=0, sort_keys=True) + "\n").encode())
            self._news = False
