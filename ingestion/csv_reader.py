"""One delivered CSV file -> frames of texts, strictly and in one pass. Shared by the feeds that deliver CSV.

Decompression checks the gzip trailer (DuckDB does not), the byte-order mark says the encoding (UTF-8, UTF-16), and
quotes follow RFC 4180 to the letter, so that every physical row is either parsed or rejected: parsed + rejected = rows
present. A block of the file is in memory at a time. Types and contract names are not known here.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv

from ingestion.contracts import REJECTED_SCHEMA
from ingestion.deliveries import File, Refused, delivered_name
from ingestion.storage import Storage

BLOCK = 8 << 20  # bytes of CSV text parsed at once
LONGEST_RECORD = 64 << 20  # bytes; a longer row is an open quote or no CSV
LARGEST_HEADER = 1 << 20
RATIO, RATIO_COUNTS_FROM = 400, 256 << 20  # a gzip bomb reaches 1,000:1; a real bill about 30:1
GZIP_MAGIC = b"\x1f\x8b"
UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
QUOTE, COMMA, LF, CR = b'",\n\r'


@dataclass(slots=True)
class _Text:
    """UTF-8 blocks of a delivered file: unpacked, checked, without byte-order mark."""

    file: File
    stream: BinaryIO
    packed: bool
    read_so_far: int = 0  # bytes unpacked

    def refuse(self, problem: str, remedy: str = "Deliver the file again.") -> Refused:
        return Refused(f"{self.file.key}: {problem}. {remedy}")

    def _raw(self) -> Iterator[bytes]:
        try:
            while block := self.stream.read(BLOCK):
                self.read_so_far += len(block)
                if self.packed and self.read_so_far > max(RATIO_COUNTS_FROM, RATIO * self.file.size):
                    raise self.refuse(f"unpacks to more than {RATIO} times its size", "This is no bill.")
                yield block
        except EOFError:
            raise self.refuse(f"the gzip stream ends early, after {self.read_so_far} bytes of text") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise self.refuse(f"damaged gzip ({error})") from None

    def blocks(self) -> Iterator[bytes]:
        """Raises Refused at a NUL or at bytes that are not of the encoding, with their offset in the unpacked file."""
        decoder, offset, encoding = None, 0, "utf-8"
        for block in self._raw():
            if decoder is None:
                encoding = UTF16.get(block[:2], "utf-8")
                skip = 2 if block[:2] in UTF16 else len(codecs.BOM_UTF8) * block.startswith(codecs.BOM_UTF8)
                decoder, block, offset = codecs.getincrementaldecoder(encoding)(), block[skip:], skip
            yield self._checked(decoder, block, offset, encoding)
            offset += len(block)
        if decoder is not None:
            self._checked(decoder, b"", offset, encoding, final=True)

    def _checked(
        self, decoder: codecs.IncrementalDecoder, block: bytes, offset: int, encoding: str, final: bool = False
    ) -> bytes:
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(block, final)
        except UnicodeDecodeError as error:
            at = offset - pending + error.start
            raise self.refuse(f"not {encoding.upper()} at byte {at}", "Export it as UTF-8.") from None
        if (nul := text.find("\0")) >= 0:
            at = offset - pending + len(text[:nul].encode(encoding))
            raise self.refuse(f"NUL at byte {at}: not a text file", "Export it as UTF-8 text.")
        return text.encode() if encoding != "utf-8" or pending or final or decoder.getstate()[0] else block


def _odd_quote(block: np.ndarray, quotes: np.ndarray) -> int | None:
    """Offset of the first quote that RFC 4180 has no place for. The block starts and ends at a record's bounds.

    Counted from 0, an even quote opens a field or is the second of a doubled pair, an odd one closes or is the first.
    """
    padded = np.concatenate(([LF], block, [LF]))
    doubled = np.diff(quotes) == 1
    opens, closes = quotes[0::2], quotes[1::2]
    before, after = padded[opens], padded[closes + 2]
    well_opened = (before == COMMA) | (before == LF) | (before == CR)
    well_opened[1:] |= doubled[1::2]
    well_closed = (after == COMMA) | (after == LF) | (after == CR)
    well_closed[: len(doubled[1::2])] |= doubled[1::2]
    odd = np.concatenate((opens[~well_opened], closes[~well_closed]))
    return int(odd.min()) if len(odd) else None


def _row_at(block: np.ndarray, quotes: np.ndarray, offset: int) -> int:
    """Number, from 1, of the row in which the offset lies. Line ends inside quotes end no row, empty lines are none."""
    before = block[:offset]
    line_ends = np.flatnonzero((before == LF) | (before == CR))
    row_ends = line_ends[np.searchsorted(quotes, line_ends) % 2 == 0]
    lengths = np.diff(row_ends, prepend=-1) - 1
    return int((lengths > 0).sum()) + 1


class CsvFile:
    """An opened CSV file: `header` at once, rows by iterating (once). Close it, or use `with`."""

    def __init__(self, inbox: Storage, file: File) -> None:
        self.file = file
        self._open = ExitStack()
        stream = self._open.enter_context(inbox.open(file))
        magic = stream.read(2)
        stream.seek(0)
        packed = magic == GZIP_MAGIC
        if file.key.endswith(".gz") and not packed:
            self._open.close()
            raise Refused(f"{file.key}: named .gz but not gzip. Deliver the file again.")
        if packed:
            stream = self._open.enter_context(gzip.GzipFile(fileobj=stream))
        self._text = _Text(file, stream, packed)
        self._blocks = self._text.blocks()
        self._rest = b""
        self._row = 0  # physical data rows before the next block
        try:
            self.header = self._read_header()
        except BaseException:
            self._open.close()
            raise

    def __enter__(self) -> CsvFile:
        return self

    def __exit__(self, *problem: object) -> None:
        self._open.close()

    def _read_header(self) -> list[str]:
        start = b""
        for block in self._blocks:
            start += block
            if len(start) > LARGEST_HEADER or self._end_of_first_record(start):
                break
        end = self._end_of_first_record(start) or len(start)
        if end > LARGEST_HEADER:
            raise self._text.refuse("no header within the first megabyte: not a CSV file")
        # Without newline="" the csv module would see other row ends than we do.
        try:
            records = list(csv.reader(io.StringIO(start[:end].decode(), newline=""), strict=True))
        except csv.Error as error:
            raise self._text.refuse(f"the header is no CSV ({error})") from None
        header = [delivered_name(name) for name in next((record for record in records if record), [])]
        if not header:
            raise self._text.refuse("empty file, without even a header", "An empty file is no delivery of zero rows.")
        twice = [name for name, count in Counter(header).items() if count > 1]
        if twice:
            named = ", ".join(name or "without a name" for name in twice)
            raise self._text.refuse(f"column {named} stands twice in the header", "Name each column once.")
        self._rest = start[end:]
        return header

    @staticmethod
    def _end_of_first_record(text: bytes) -> int | None:
        """Offset behind the first row end outside quotes, blank lines before the header included."""
        quoted = seen = False
        for position, byte in enumerate(text[:LARGEST_HEADER]):
            if byte == QUOTE:
                quoted = not quoted
            elif byte in (LF, CR) and not quoted and seen:
                return position + (2 if text[position : position + 2] == b"\r\n" else 1)
            seen = seen or byte not in (LF, CR)
        return None

    def _record_blocks(self) -> Iterator[bytes]:
        """The rows' bytes, cut between rows."""
        rest = self._rest
        for block in self._blocks:
            rest += block
            cut = self._last_row_end(rest)
            if cut:
                yield rest[:cut]
                rest = rest[cut:]
            elif len(rest) > LONGEST_RECORD:
                raise self._text.refuse(
                    f"data row {self._row + 1} is longer than {LONGEST_RECORD} bytes: an open quote?"
                )
        while rest and len(rest) > BLOCK and (cut := self._last_row_end(rest)) and cut < len(rest):
            yield rest[:cut]
            rest = rest[cut:]
        if rest:
            if rest.count(b'"') % 2:
                raise self._text.refuse(
                    "a quote is opened and never closed", "The file was cut, or a quote is not doubled."
                )
            yield rest

    @staticmethod
    def _last_row_end(text: bytes) -> int:
        """Offset behind the last row end outside quotes; 0 where there is none. `text` starts outside quotes."""
        ends = b"\n" if b"\n" in text else b"\r"
        at = len(text)
        quotes = text.count(b'"')
        while (at := text.rfind(ends, 0, at)) >= 0:
            if ends == b"\r" and at == len(text) - 1:
                continue  # its \n may stand in the next block
            if (quotes - text.count(b'"', at)) % 2 == 0:
                return at + 1
            # Inside a quoted field: the row end to look for stands before the quote that opened it.
            opening = text.rfind(b'"', 0, at)
            quotes -= text.count(b'"', opening)
            text, at = text[:opening], opening
        return 0

    def __iter__(self) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """(rows, rejected) per block. `rows`: every header column as String (missing and empty are null), source_file,
        source_row; `rejected` has REJECTED_SCHEMA. Raises Refused where the file itself is broken."""
        for block in self._record_blocks():
            yield self._parse(block)

    def _parse(self, block: bytes) -> tuple[pl.DataFrame, pl.DataFrame]:
        view = np.frombuffer(block, dtype=np.uint8)
        quotes = np.flatnonzero(view == QUOTE)
        odd = _odd_quote(view, quotes) if len(quotes) else None
        if odd is not None:
            row = self._row + _row_at(view, quotes, odd)
            raise self._text.refuse(
                f"data row {row} has a quote where none may stand", "Quote the field, double its quotes."
            )
        ragged: list[tuple[int, int, str]] = []

        def reject(row: pa_csv.InvalidRow) -> str:
            ragged.append((row.number, row.actual_columns, row.text))
            return "skip"

        # Names of our own: a delivered header may hold anything, Arrow's need not know.
        names = [f"c{place}" for place in range(len(self.header))]
        table = (
            pa_csv.read_csv(
                pa.BufferReader(block),
                pa_csv.ReadOptions(column_names=names, block_size=max(len(block), 1) + 1, use_threads=False),
                pa_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=reject),
                pa_csv.ConvertOptions(
                    check_utf8=False,  # done above
                    column_types=dict.fromkeys(names, pa.string()),
                    null_values=[""],
                    strings_can_be_null=True,
                ),
            )
            if block.strip(b"\r\n")
            else pa.table({name: pa.array([], pa.string()) for name in names})
        )
        present = table.num_rows + len(ragged)
        bad = np.array([number for number, _, _ in ragged], dtype=np.int64)
        good = np.setdiff1d(np.arange(1, present + 1), bad, assume_unique=True) + self._row
        rows = pl.DataFrame(pl.from_arrow(table)).rename(dict(zip(names, self.header, strict=True)))
        rows = rows.with_columns(
            pl.lit(self.file.key).alias("source_file"), pl.Series("source_row", good, dtype=pl.Int64)
        )
        rejected = pl.DataFrame(
            {
                "source_file": [self.file.key] * len(ragged),
                "source_row": [self._row + number for number, _, _ in ragged],
                "reason": ["wrong_number_of_columns"] * len(ragged),
                "column_name": [None] * len(ragged),
                "payload": [
                    json.dumps({"columns": columns, "expected": len(self.header), "text": text}, ensure_ascii=False)
                    for _, columns, text in ragged
                ],
            },
            schema=REJECTED_SCHEMA,
        )
        self._row += present
        return rows, rejected


def open_csv(inbox: Storage, file: File) -> CsvFile:
    """Opens a delivered CSV file (plain or gzip). Raises Refused where it has no usable header or is no CSV."""
    return CsvFile(inbox, file)
