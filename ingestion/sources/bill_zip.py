"""Vendors' bills, zipped files: the one CSV inside, streamed by place, never by its name, for the CSV reader to open.

An archive is only a compression here: one member, not encrypted, and no larger than a bill can be.
"""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, cast

from ingestion.csv_reader import RATIO, RATIO_COUNTS_FROM
from ingestion.deliveries import File, Refused
from ingestion.storage import Storage

ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")  # the second is an archive without members


class _Member(io.BufferedIOBase):
    """The archive's member as a stream; what is wrong with the archive comes as Refused."""

    def __init__(self, inbox: Storage, file: File) -> None:
        self.file = file
        self._open = ExitStack()
        try:
            self._archive = self._open.enter_context(zipfile.ZipFile(self._open.enter_context(inbox.open(file))))
            members = [member for member in self._archive.infolist() if not member.is_dir()]
            if len(members) != 1:
                raise self._refused(f"the archive holds {len(members)} files instead of one")
            (self._info,) = members
            if self._info.flag_bits & 1:
                raise self._refused("the archive is encrypted")
            if self._info.file_size > max(RATIO_COUNTS_FROM, RATIO * file.size):
                raise self._refused(f"the archive unpacks to more than {RATIO} times its size")
            self._stream = self._archive.open(self._info)
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OverflowError) as error:
            self._open.close()
            raise self._refused(f"damaged archive ({type(error).__name__})") from None
        except BaseException:
            self._open.close()
            raise

    def _refused(self, problem: str) -> Refused:
        return Refused(f"{self.file.key}: {problem}. Deliver the file again, as one zipped or gzipped CSV.")

    def read(self, size: int | None = -1, /) -> bytes:
        with self._damage_refused():
            # Never more than the size the archive declares; the CRC is checked at the end.
            return self._stream.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        with self._damage_refused():
            return self._stream.seek(offset, whence)

    @contextmanager
    def _damage_refused(self) -> Iterator[None]:
        """Each method of packing has an error of its own; bzip2's is an OSError without a number, the disk's have
        one; a damaged LZMA header asks for memory nobody has."""
        try:
            yield
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, MemoryError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise self._refused(f"damaged archive ({type(error).__name__})") from None

    def close(self) -> None:
        self._open.close()
        super().close()


class Unzipped:
    """An inbox whose zipped files open as the text inside them."""

    def __init__(self, inbox: Storage) -> None:
        self._inbox = inbox

    def open(self, file: File) -> BinaryIO:
        """Raises Refused where the archive is not one whole file."""
        return cast(BinaryIO, _Member(self._inbox, file))
