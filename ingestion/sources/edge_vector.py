"""Vector's native metrics as NDJSON -> sample frames: counters and gauges, bare or as {"metric": {...}}.

A series is named as Vector names it for Prometheus, `<namespace>_<name>`. What is no single value (distributions, sets,
histograms, summaries) and what is no metric (logs, traces) is no usage and goes to the quarantine, a row each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import polars as pl

from ingestion.sources.edge_json import Number, Unreadable, append, decode, identity_of, microseconds, tag_text
from ingestion.sources.edge_samples import empty_columns, reject, sample_frame

BATCH = 100_000  # rows held before a frame is handed on
WRONG_FILE_AFTER = 10_000  # unreadable rows with no metric before the file is taken for something else


class NotVector(Exception):
    """No metric in the file; the message says what was found instead."""


def sample_frames(stream: BinaryIO, folder: str) -> Iterator[pl.DataFrame]:
    """Frames of SAMPLE_COLUMNS from valid UTF-8; raises NotVector before the first frame or never."""
    columns, offset, readable, rejected = empty_columns(), stream.tell(), False, 0
    for number, line in enumerate(stream, start=1):
        if line.strip():
            try:
                sample = _sample(line, folder)
                readable = True
            except Unreadable as error:
                rejected += 1
                reject(columns, number, offset, *error.args, line.decode("utf-8").rstrip("\r\n"))
            else:
                append(columns, number, offset, *sample)
        offset += len(line)
        if len(columns["line"]) >= BATCH and readable:
            yield sample_frame(columns)
            columns = empty_columns()
        if not readable and rejected >= WRONG_FILE_AFTER:
            break
    if not readable and rejected:
        raise NotVector(
            f"none of {rejected} lines is a counter or gauge (name, timestamp, counter.value or gauge.value)"
        )
    yield sample_frame(columns)


def _sample(line: bytes, folder: str) -> tuple[str, str, str, int, Any]:
    """(source, series, labels, microseconds, value) of a line; raises Unreadable."""
    try:
        metric = decode(line)
    except ValueError:
        raise Unreadable("malformed_json", None) from None
    if isinstance(metric, dict) and isinstance(metric.get("metric"), dict):
        metric = metric["metric"]
    if not isinstance(metric, dict) or not _is_name(metric.get("name")):
        raise Unreadable("no_metric", "series")
    name, namespace, tags = metric["name"], metric.get("namespace"), metric.get("tags") or {}
    if not isinstance(tags, dict):
        raise Unreadable("malformed_metric", "labels")
    told = [metric[kind] for kind in ("counter", "gauge") if isinstance(metric.get(kind), dict)]
    if len(told) != 1:
        raise Unreadable("no_single_value", "value")
    source, labels = identity_of(tuple((key, tag_text(_last(value))) for key, value in tags.items()), folder)
    value = told[0].get("value")
    if value is not None and not isinstance(value, Number):
        raise Unreadable("malformed_metric", "value")
    series = f"{namespace}_{name}" if _is_name(namespace) else name
    return source, series, labels, microseconds(metric.get("timestamp")), value


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Number) and bool(value)


def _last(value: Any) -> Any:
    """Of several values of one tag Vector shows the last where one is asked for."""
    texts = [one for one in value if one is not None] if isinstance(value, list) else [value]
    return texts[-1] if texts else None
