"""Telegraf JSON -> sample frames: one object, a batch {"metrics": [...]}, an array, or any of these line by line.

Numbers stay the text they were delivered as. Nested fields are joined with "_" as Telegraf joins them.
Counts: each field value of a metric is one row; a metric or line that cannot be read is one row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import polars as pl

from ingestion.sources.edge_json import Number, Unreadable, append, decode, identity_of, microseconds, tag_text
from ingestion.sources.edge_samples import empty_columns, reject, sample_frame

BATCH = 100_000  # rows held before a frame is handed on
WRONG_FILE_AFTER = 10_000  # unreadable rows with no metric before the file is taken for something else


class NotTelegraf(Exception):
    """No metric in the file; the message says what was found instead."""


def sample_frames(stream: BinaryIO, folder: str) -> Iterator[pl.DataFrame]:
    """Frames of SAMPLE_COLUMNS from valid UTF-8; raises NotTelegraf before the first frame or never."""
    start = stream.tell()
    columns, readable, rejected = empty_columns(), False, 0
    for number, offset, item, text in _items(stream):
        try:
            values = _values(item, folder)
            readable = True
        except Unreadable as error:
            rejected += 1
            reject(columns, number, offset, *error.args, text)
        else:
            for value in values:
                append(columns, number, offset, *value)
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
        document = decode(first)
        by_line = bool(stream.read(4096).strip())
    except ValueError:
        stream.seek(start)
        try:
            document, by_line = decode(stream.read()), False
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
                document = decode(line)
                readable = True
                for metric in _metrics(document):
                    yield number, offset, metric, ""
            except ValueError:
                yield number, offset, Unreadable("malformed_json", None), line.decode("utf-8").rstrip("\r\n")
        offset += len(line)
    if not readable:
        raise NotTelegraf(f"is malformed JSON: {problem}")


def _metrics(document: Any) -> list[Any]:
    if isinstance(document, dict) and isinstance(document.get("metrics"), list):
        return document["metrics"]
    return document if isinstance(document, list) else [document]


def _values(metric: Any, folder: str) -> list[tuple]:
    """(source, series, labels, microseconds, key, value) per field; raises Unreadable."""
    if isinstance(metric, Unreadable):
        raise metric
    if not isinstance(metric, dict):
        raise Unreadable("malformed_metric", None)
    name, fields, tags = metric.get("name"), metric.get("fields"), metric.get("tags") or {}
    if not isinstance(name, str) or isinstance(name, Number) or not name:
        raise Unreadable("malformed_metric", "series")
    if not isinstance(fields, dict) or not isinstance(tags, dict):
        raise Unreadable("malformed_metric", "value" if isinstance(tags, dict) else "labels")
    source, labels = identity_of(tuple((key, tag_text(value)) for key, value in tags.items()), folder)
    moment = microseconds(metric.get("timestamp"))
    values = [(source, f"{name}_{key}", labels, moment, value) for key, value in _flattened(fields.items(), "")]
    if not values:
        raise Unreadable("malformed_metric", "value")
    return values


def _flattened(items: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in items:
        if isinstance(value, dict):
            yield from _flattened(value.items(), f"{prefix}{key}_")
        elif isinstance(value, list):
            yield from _flattened(enumerate(value), f"{prefix}{key}_")
        else:
            yield f"{prefix}{key}", value
