"""OpenMetrics text expositions -> sample frames: `name{label="value"} number seconds`, closed by `# EOF`.

Prometheus' older format is read too where `# EOF` closes it: its times are milliseconds, told by their magnitude.
Counts: each sample is one row, and so is each line that is none; metadata and exemplars are no rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import BinaryIO

import polars as pl

from ingestion.sources.edge_samples import empty_columns, identity, moment_of, reject, sample_frame

BATCH = 100_000  # rows held before a frame is handed on
END = b"# EOF"

_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\.)*"'
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_ODD = r"[+-]?(?:[nN][aA][nN]|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?)"
_SAMPLE = re.compile(
    rf"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{{(?P<labels>(?:{_LABEL}(?:,{_LABEL})*,?)?)\}})?"
    rf"[ \t]+(?P<number>{_NUMBER}|{_ODD})(?:[ \t]+(?P<time>{_NUMBER}))?"
    rf"(?: # \{{(?:{_LABEL}(?:,{_LABEL})*)?\}} (?:{_NUMBER}|{_ODD})(?: {_NUMBER})?)?",
    re.ASCII,
)
_PAIR = re.compile(rf"({_LABEL.split('=')[0]})=\"((?:[^\"\\]|\\.)*)\"", re.ASCII)
_METADATA = re.compile(r"# (TYPE|HELP|UNIT) ([a-zA-Z_:][a-zA-Z0-9_:]*)(?: (.*))?", re.ASCII)
_TYPES = {
    "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset", "unknown", "untyped"
}  # fmt: skip
_ESCAPED = re.compile(r"\\(.)")
_UNESCAPED = {"n": "\n", "\\": "\\", '"': '"'}


class NotOpenMetrics(Exception):
    """No exposition in the file; the message says what was found instead."""


def sample_frames(stream: BinaryIO, folder: str) -> Iterator[pl.DataFrame]:
    """Frames of SAMPLE_COLUMNS from valid UTF-8; raises NotOpenMetrics before the first frame or never."""
    start = stream.tell()
    _need_the_end(stream, start)
    columns, offset, told = empty_columns(), start, set()
    for number, line in enumerate(stream, start=1):
        text = line.decode("utf-8").rstrip("\r\n")
        is_sample = not text.startswith("#")
        reason = _append(columns, number, offset, text, folder) if is_sample else _bad_metadata(text, told)
        if reason:
            reject(columns, number, offset, reason, "sampled_at" if reason.endswith("timestamp") else None, text)
        offset += len(line)
        if len(columns["line"]) >= BATCH:
            yield sample_frame(columns)
            columns = empty_columns()
    yield sample_frame(columns)


def _need_the_end(stream: BinaryIO, start: int) -> None:
    """The last line closes the exposition, and no other does: else a file cut off would pass for a whole one."""
    last, closed_at = b"", 0
    for number, line in enumerate(stream, start=1):
        if closed_at:
            raise NotOpenMetrics(f"goes on in line {number} after # EOF in line {closed_at}")
        last = line.rstrip(b"\r\n")
        closed_at = number if last == END else 0
    if not closed_at:
        raise NotOpenMetrics("does not end with # EOF: it was cut off, or is no OpenMetrics")
    stream.seek(start)


def _bad_metadata(text: str, told: set[tuple[str, str]]) -> str | None:
    if text == END.decode():
        return None
    found = _METADATA.fullmatch(text)
    if not found or (found[1] == "TYPE" and found[3] not in _TYPES):
        return "malformed_line"
    if found.group(1, 2) in told:
        return "duplicate_metadata"
    told.add(found.group(1, 2))
    return None


def _append(columns: dict[str, list], number: int, offset: int, text: str, folder: str) -> str | None:
    """Adds the sample of a line; returns why it is none."""
    found = _SAMPLE.fullmatch(text)
    known = found and _identity(found["labels"] or "", folder)
    if not found or not known:
        return "malformed_line"
    if found["time"] is None:
        return "no_timestamp"
    moment = _moment(found["time"])
    if moment is None:
        return "bad_timestamp"
    is_number = found["number"][-1].isdigit() or found["number"][-1] == "."
    columns["line"].append(number)
    columns["offset"].append(offset)
    columns["source"].append(known[0])
    columns["series"].append(found["name"])
    columns["labels"].append(known[1])
    columns["microseconds"].append(moment)
    columns["number"].append(found["number"].removeprefix("+"))
    columns["text_value"].append(None)
    columns["reason"].append(None if is_number else "not_finite")
    columns["column_name"].append(None if is_number else "value")
    columns["payload"].append(None)
    return None


@lru_cache(maxsize=65536)
def _identity(labels: str, folder: str) -> tuple[str, str] | None:
    """Host and labels; None where one label is told twice."""
    pairs = [(name, _ESCAPED.sub(_unescape, value)) for name, value in _PAIR.findall(labels)]
    return identity(pairs, folder) if len({name for name, _ in pairs}) == len(pairs) else None


def _unescape(found: re.Match[str]) -> str:
    return _UNESCAPED.get(found[1], found[0])


@lru_cache(maxsize=4096)
def _moment(text: str) -> int | None:
    try:
        return moment_of(Decimal(text))
    except InvalidOperation:
        return None
