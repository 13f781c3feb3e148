"""Delivered file -> checked bytes: unpacks gzip with its checksum, decodes byte order marks, refuses what is no text.

Runs before any row is read, so a file is refused whole or not at all. What the text means is for the readers.
"""

from __future__ import annotations

import codecs
import gzip
import re
import tempfile
import zlib
from typing import IO, BinaryIO

from ingestion.contracts import Contract
from ingestion.deliveries import File
from ingestion.sources.edge_samples import refusal

BLOCK = 1 << 20
IN_MEMORY = 32 << 20  # bytes kept in memory before a file goes to disk
LARGEST = (
    2 << 30
)  # bytes unpacked; agents flush every few seconds or hours, a file beyond this is no delivery of theirs
LONGEST_LINE = 64 << 20  # bytes without a line break
SQLITE_MAGIC = b"SQLite format 3\x00"

# Words and not just "<?": a measurement may begin with any character.
_MARKUP = re.compile(rb"\s*<(?:!doctype\b|!--|(?:html|head|body|\?xml|error)\b)", re.IGNORECASE)
_MARKS = (  # the longer first: UTF-32-LE begins like UTF-16-LE
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_AGAIN = "Nothing of it was loaded; let its host send it again."


def unpacked(stream: BinaryIO, file: File, contract: Contract) -> IO[bytes]:
    """The file's bytes without gzip, rewound; whether it is packed is told by its content, not by its name."""
    start = stream.read(2)
    rest = _Joined(start, stream)
    source = gzip.GzipFile(fileobj=rest) if start == b"\x1f\x8b" else rest
    target = _spool()
    size = 0
    try:
        while block := source.read(BLOCK):
            size += len(block)
            if size > LARGEST:
                raise refusal(file.key, f"unpacks to more than {LARGEST} bytes", "Deliver smaller files.", contract)
            target.write(block)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise refusal(file.key, f"is broken gzip after {size} bytes unpacked: {error}", _AGAIN, contract) from None
    target.seek(0)
    return target


def as_text(raw: IO[bytes], file: File, contract: Contract) -> IO[bytes]:
    """The same as UTF-8 without a mark, checked to the last byte: no NUL, no invalid sequence, no markup."""
    start = raw.read(4096)
    raw.seek(0)
    if start.startswith(SQLITE_MAGIC):
        raise refusal(file.key, "is an SQLite file among texts", "Deliver it below edge/sqlite/.", contract)
    mark, encoding = next(((mark, name) for mark, name in _MARKS if start.startswith(mark)), (b"", "utf-8"))
    if _MARKUP.match(start.removeprefix(mark)):
        raise refusal(file.key, "is HTML or XML, not samples", "Look for an error page saved as data.", contract)
    target = _spool() if encoding != "utf-8" else None
    raw.seek(len(mark))
    decoder = codecs.getincrementaldecoder(encoding)()
    position, unbroken = len(mark), 0
    while True:
        block = raw.read(BLOCK)
        waiting = len(decoder.getstate()[0])
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            place = position - waiting + error.start
            raise refusal(file.key, f"is not {encoding} at byte {place}: {error.reason}", _AGAIN, contract) from None
        plain = text.encode("utf-8") if target else block
        if 0 in plain:
            raise refusal(
                file.key, f"holds a NUL near byte {position + plain.find(0)}: it is no text", _AGAIN, contract
            )
        unbroken = 0 if b"\n" in plain else unbroken + len(plain)
        if unbroken > LONGEST_LINE:
            raise refusal(file.key, f"has {unbroken} bytes without a line break", "Deliver smaller batches.", contract)
        if target:
            target.write(plain)
        if not block:
            break
        position += len(block)
    if target:
        target.seek(0)
        return target
    raw.seek(len(mark))
    return raw


def _spool() -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)


class _Joined:
    """A stream whose first bytes were already read."""

    def __init__(self, start: bytes, rest: BinaryIO) -> None:
        self._start = start
        self._rest = rest

    def read(self, size: int = -1) -> bytes:
        if not self._start:
            return self._rest.read(size)
        start, self._start = self._start, b""
        return start + self._rest.read(max(size - len(start), 0) if size >= 0 else -1)
