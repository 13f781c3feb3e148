"""Where files lie: a folder or an S3 prefix, behind one small face. Inbox and lake are both a Storage.

Keys are relative, with "/". A key may hold any character but NUL; `..`, absolute and empty parts are refused.
S3 itself is in `storage_s3.py`. No knowledge of feeds, contracts or the lake's layout here.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Protocol

from ingestion.deliveries import File
from ingestion.faultpoints import reached

MEGABYTE = 1 << 20


class UnsafeKey(ValueError):
    """A key that would lead out of its storage."""


class Changed(Exception):
    """The file is no longer the one that was listed (another size, etag, or gone): list again."""


def safe_key(key: str) -> str:
    """The key itself; raises UnsafeKey for `..`, `.`, empty parts, absolute paths and NUL."""
    if not key or "\0" in key or any(part in ("", ".", "..") for part in key.split("/")):
        raise UnsafeKey(f"{key!r} is not a key below a storage: no empty part, '.', '..', leading '/' or NUL")
    return key


class Storage(Protocol):
    """What the rest of the house may ask of a folder or bucket."""

    uri: str

    def files(self, prefix: str = "") -> Iterator[File]:
        """Every file whose key starts with `prefix`, recursive, ordered by key. Links are not followed."""

    def files_beside(self, folders: Collection[str]) -> Iterator[File]:
        """Every file below none of the folders ("a/b/"), ordered by key. These are not listed, whatever they hold."""

    def open(self, file: File) -> BinaryIO:
        """A stream over exactly the listed bytes; raises Changed where the etag differs by now."""

    def read_bytes(self, key: str) -> bytes:
        """The whole file; raises FileNotFoundError."""

    def write(self, key: str, data: bytes | Path, if_absent: bool = False) -> bool:
        """Writes atomically: a reader sees the old bytes or the new. With `if_absent` False is returned, and nothing
        written, where the key is taken."""

    def exists(self, key: str) -> bool: ...

    def locate(self, key: str) -> str:
        """A path or s3:// URI that DuckDB and Polars read."""


def _readable(name: str) -> str:
    """A file name as text. One that is not UTF-8 gets a key that leads nowhere: listed and reported, never opened."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


class Folder:
    """A directory. The etag is size and modification time in nanoseconds, kept while the bytes are."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.uri = str(self.root)

    def _path(self, key: str) -> Path:
        return self.root / safe_key(key)

    def files(self, prefix: str = "") -> Iterator[File]:
        """See Storage. Starts at the deepest folder the prefix names, so a prefix costs only its own files."""
        start = prefix.rpartition("/")[0]
        if start:
            safe_key(start)
        folder = self.root / start if start else self.root
        if self._leads_through_link(folder):
            return
        found = [file for file in self._walk(folder, f"{start}/" if start else "") if file.key.startswith(prefix)]
        yield from sorted(found, key=lambda file: file.key)

    def files_beside(self, folders: Collection[str]) -> Iterator[File]:
        yield from sorted(self._walk(self.root, "", folders), key=lambda file: file.key)

    def _leads_through_link(self, folder: Path) -> bool:
        return any(part.is_symlink() for part in (folder, *folder.parents) if part.is_relative_to(self.root))

    def _walk(self, folder: Path, base: str, beside: Collection[str] = ()) -> Iterator[File]:
        try:
            entries = list(os.scandir(folder))
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                below = f"{base}{_readable(entry.name)}/"
                if below not in beside:
                    yield from self._walk(Path(entry.path), below, beside)
            # Neither links nor devices nor sockets; a file being written carries our own suffix until its rename.
            elif entry.is_file(follow_symlinks=False) and not entry.name.endswith(".partial"):
                with contextlib.suppress(FileNotFoundError):
                    yield self._describe(f"{base}{_readable(entry.name)}", entry.stat(follow_symlinks=False))

    def _describe(self, key: str, status: os.stat_result) -> File:
        received = datetime.fromtimestamp(status.st_mtime_ns // 1000 / 1e6, UTC)
        return File(key, status.st_size, f"{status.st_size}-{status.st_mtime_ns}", received.isoformat())

    def open(self, file: File) -> BinaryIO:
        path = self._path(file.key)
        try:
            # O_NOFOLLOW: a link put in the place of a listed file is not followed either.
            stream = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
        except OSError as error:
            raise Changed(f"{file.key} cannot be opened any more: {error.strerror}") from error
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode) or self._describe(file.key, status).etag != file.etag:
            stream.close()
            raise Changed(f"{file.key} was changed after it was listed")
        return stream

    def read_bytes(self, key: str) -> bytes:
        return self._path(key).read_bytes()

    def write(self, key: str, data: bytes | Path, if_absent: bool = False) -> bool:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".partial")
        try:
            with os.fdopen(descriptor, "wb") as target:
                with BytesIO(data) if isinstance(data, bytes) else data.open("rb") as source:
                    while block := source.read(8 * MEGABYTE):
                        target.write(block)
                target.flush()
                os.fsync(target.fileno())
            os.chmod(temporary, 0o644)
            reached("write_before")
            if if_absent:
                try:
                    os.link(temporary, path)  # fails where the name is taken; rename would replace it
                except FileExistsError:
                    return False
            else:
                os.replace(temporary, path)
            self._sync_folder(path.parent)
            reached("write_after")
            return True
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)

    @staticmethod
    def _sync_folder(folder: Path) -> None:
        """Makes a rename survive a power cut."""
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def locate(self, key: str) -> str:
        return str(self._path(key))


def open_storage(uri: str | Path) -> Storage:
    """The storage at a path or `s3://bucket/prefix`. Nothing is contacted or created until it is used."""
    text = str(uri)
    if text.startswith("s3://"):
        from ingestion.storage_s3 import Bucket  # half a second of imports: only where S3 is used

        bucket, _, prefix = text.removeprefix("s3://").partition("/")
        return Bucket(bucket, prefix)
    return Folder(Path(text.removeprefix("file://")))
