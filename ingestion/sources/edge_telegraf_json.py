"""Telegraf JSON -> sample frames: one object, a batch {"metrics": [...]}, an array, or any of these line by line.

Numbers stay the text they were delivered as. Nested fields are joined with "_" as Telegraf joins them.
Counts: each field value of a metric is one row; a metric or line that cannot be read is one row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any, BinaryIO

import polars as pl

from ingestion.sources.edge_samples import (
    EARLIEST,
    LATEST,
    empty_columns,
    identity,
    instant,
    payload,
    sample_frame,
)

BATCH = 100_000  # rows held before a frame is handed on
WRONG_FILE_AFTER = 10_000  # unreadable rows with no metric before the file is taken for something else
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_CONSTANTS = {"NaN", "Infinity", "-Infinity"}


class NotTelegraf(Exception):
    """No metric in the file; the message says what was found instead."""


class _Number(str):
    """A JSON number as its text (or NaN, Infinity: what JSON forbids and some producers write)."""


class _Unreadable(Exception):
    """Reason and column of a metric that is not one."""


def sample_frames(stream: BinaryIO, folder: str) -> Iterator[pl.DataFrame]:
    """Frames of SAMPLE_COLUMNS from valid UTF-8; raises NotTelegraf before the first frame or never."""
    start = stream.tell()
    columns, readable, rejected = empty_columns(), False, 0
    for number, offset, item, text in _items(stream):
        try:
            values = _values(item, folder)
            readable = True
        except _Unreadable as error:
            rejected += 1
            _reject(columns, number, offset, *error.args, text)
        else:
            for value in values:
                _append(columns, number, offset, *value)
        if len(columns["line"]) >= BATCH and readable:
            yield sample_frame(columns)
            columns = empty_columns()
        if not readable and rejected >= WRONG_FILE_AFTER:
            break
    if not readable and rejected:
        raise NotTelegraf(f"none of {rejected} objects from byte {start} on is a Telegraf metric (name, fields)")
    yield sample_frame(columns)


def _items(stream: BinaryIO) -> Iterator[tuple[int, int, Any, str]]:
    """(ordinal of the metric or line, byte offset, metric, text of the line where there is one)."""
    start = stream.tell()
    offset, first = start, b""
    for line in stream:
        first = line
        if line.strip():
            break
        offset += len(line)
    try:
        document = _decode(first)
        by_line = bool(stream.read(4096).strip())
    except ValueError:
        stream.seek(start)
        try:
            document, by_line = _decode(stream.read()), False
        except ValueError as error:
            document, by_line, problem = None, True, str(error)
        else:
            problem = ""
    else:
        problem = ""
    if not by_line:
        for number, metric in enumerate(_metrics(document), start=1):
            yield number, offset, metric, ""
        return
    stream.seek(start)
    yield from _lines(stream, start, problem)


def _lines(stream: BinaryIO, offset: int, problem: str) -> Iterator[tuple[int, int, Any, str]]:
    readable = False
    for number, line in enumerate(stream, start=1):
        if line.strip():
            try:
                document = _decode(line)
                readable = True
                for metric in _metrics(document):
                    yield number, offset, metric, ""
            except ValueError:
                yield number, offset, _Unreadable("malformed_json", None), line.decode("utf-8").rstrip("\r\n")
        offset += len(line)
    if not readable:
        raise NotTelegraf(f"is malformed JSON: {problem}")


def _decode(raw: bytes) -> Any:
    """JSON with numbers as text; raises ValueError for whatever is not JSON, two equal keys in an object included."""
    try:
        document = _DECODER.decode(raw.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if _SURROGATE.search(raw):
        try:
            json.dumps(document, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            raise ValueError("holds half a surrogate pair") from None
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has one key twice")
    return found


_DECODER = json.JSONDecoder(parse_float=_Number, parse_int=_Number, parse_constant=_Number, object_pairs_hook=_object)


def _metrics(document: Any) -> list[Any]:
    if isinstance(document, dict) and isinstance(document.get("metrics"), list):
        return document["metrics"]
    return document if isinstance(document, list) else [document]


def _values(metric: Any, folder: str) -> list[tuple]:
    """(source, series, labels, microseconds, key, value) per field; raises _Unreadable."""
    if isinstance(metric, _Unreadable):
        raise metric
    if not isinstance(metric, dict):
        raise _Unreadable("malformed_metric", None)
    name, fields, tags = metric.get("name"), metric.get("fields"), metric.get("tags") or {}
    if not isinstance(name, str) or isinstance(name, _Number) or not name:
        raise _Unreadable("malformed_metric", "series")
    if not isinstance(fields, dict) or not isinstance(tags, dict):
        raise _Unreadable("malformed_metric", "value" if isinstance(tags, dict) else "labels")
    source, labels = _labels(tuple((key, _tag(value)) for key, value in tags.items()), folder)
    microseconds = _microseconds(metric.get("timestamp"))
    values = [(source, f"{name}_{key}", labels, microseconds, value) for key, value in _flattened(fields.items(), "")]
    if not values:
        raise _Unreadable("malformed_metric", "value")
    return values


_labels = lru_cache(maxsize=65536)(identity)


def _tag(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str):
        return value or ""
    raise _Unreadable("malformed_metric", "labels")


def _flattened(items: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in items:
        if isinstance(value, dict):
            yield from _flattened(value.items(), f"{prefix}{key}_")
        elif isinstance(value, list):
            yield from _flattened(enumerate(value), f"{prefix}{key}_")
        else:
            yield f"{prefix}{key}", value


@lru_cache(maxsize=4096)
def _microseconds(stamp: Any) -> int:
    """Telegraf writes seconds by default and ms, us or ns if told so: the magnitude tells (seconds until 5138)."""
    if stamp is None:
        raise _Unreadable("no_timestamp", "sampled_at")
    if isinstance(stamp, _Number) and stamp not in _CONSTANTS:
        exact = Decimal(stamp)
        digits = exact.adjusted() if exact else 0
        if digits < 20:
            scale = 6 if digits < 11 else 3 if digits < 14 else 0 if digits < 17 else -3
            moment = int(exact.scaleb(scale) // 1) if exact >= 0 else -int(-exact.scaleb(scale) // 1)
            if EARLIEST <= moment < LATEST:
                return moment
    elif isinstance(stamp, str) and not isinstance(stamp, _Number):
        moment = instant(stamp)
        if moment is not None:
            return moment
    raise _Unreadable("bad_timestamp", "sampled_at")


def _append(
    columns: dict[str, list], number: int, offset: int, source: str, series: str, labels: str, moment: int, value: Any
) -> None:
    is_number = isinstance(value, _Number)
    reason = "no_value" if value is None else "not_finite" if is_number and value in _CONSTANTS else None
    columns["line"].append(number)
    columns["offset"].append(offset)
    columns["source"].append(source)
    columns["series"].append(series)
    columns["labels"].append(labels)
    columns["microseconds"].append(moment)
    columns["number"].append(str(value) if is_number else None)
    columns["text_value"].append(None if is_number or value is None else _tag(value))
    columns["reason"].append(reason)
    columns["column_name"].append(reason and "value")
    columns["payload"].append(None)


def _reject(columns: dict[str, list], number: int, offset: int, reason: str, column: str | None, text: str) -> None:
    known = {
        "line": number,
        "offset": offset,
        "reason": reason,
        "column_name": column,
        "payload": payload(line=number, offset=offset, text=text),
    }
    for name, values in columns.items():
        values.append(known.get(name))
