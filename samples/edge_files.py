"""Samples of edge servers in the three forms their agents write: Telegraf JSON, line protocol, SQLite.

What was measured is `edge_servers.py`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from samples.files import gzipped, write

Value = int | Decimal | str | bool


@dataclass(frozen=True, slots=True)
class Metric:
    """What an agent reports at one instant: a measurement, its tags (without host) and its fields."""

    at: datetime  # aware, UTC
    name: str
    fields: Mapping[str, Value]
    tags: Mapping[str, str] = field(default_factory=dict)


def nanoseconds(at: datetime) -> int:
    """Unix time, exact to the microsecond."""
    delta = at.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1000


def telegraf_json(host: str, metrics: Iterable[Metric], batch: bool = False) -> bytes:
    """Telegraf's json serializer: one object per line, or `{"metrics": [...]}`; timestamps in seconds."""
    documents = [
        '{"fields":{'
        + ",".join(f"{json.dumps(key)}:{_json_value(value)}" for key, value in metric.fields.items())
        + f'}},"name":{json.dumps(metric.name)},"tags":{json.dumps({**metric.tags, "host": host}, sort_keys=True)},'
        + f'"timestamp":{nanoseconds(metric.at) // 1_000_000_000}}}'
        for metric in metrics
    ]
    if batch:
        return ('{"metrics":[' + ",\n".join(documents) + "]}\n").encode()
    return "".join(document + "\n" for document in documents).encode()


def _json_value(value: Value) -> str:
    return format(value, "f") if isinstance(value, Decimal) else json.dumps(value)


def line_protocol(host: str, metrics: Iterable[Metric]) -> bytes:
    """InfluxDB line protocol with nanosecond timestamps; tags sorted, integers end in `i`."""
    lines = []
    for metric in metrics:
        tags = ",".join(
            f"{_escaped(key)}={_escaped(value)}" for key, value in sorted({**metric.tags, "host": host}.items())
        )
        fields = ",".join(f"{_escaped(key)}={_line_value(value)}" for key, value in metric.fields.items())
        lines.append(f"{_escaped(metric.name, '=')},{tags} {fields} {nanoseconds(metric.at)}\n")
    return "".join(lines).encode()


def _escaped(name: str, unless: str = "") -> str:
    for character in ", =":
        if character not in unless:
            name = name.replace(character, "\\" + character)
    return name


def _line_value(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value}i"
    if isinstance(value, Decimal):
        return format(value, "f")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def sqlite_file(host: str, metrics: Iterable[Metric], row_count: int | None = None) -> bytes:
    """An agent's SQLite file: `samples` (one row per field, value as text) and `meta` (host, row_count)."""
    rows = [
        (metric.name, key, json.dumps(dict(metric.tags), sort_keys=True), nanoseconds(metric.at), _text(value))
        for metric in metrics
        for key, value in metric.fields.items()
    ]
    connection = sqlite3.connect(":memory:")
    connection.executescript(
        "create table samples (id integer primary key, measurement text not null, field text not null,"
        " tags text not null, sampled_at integer not null, value text);"
        "create table meta (key text primary key, value text);"
    )
    connection.executemany(
        "insert into samples (measurement, field, tags, sampled_at, value) values (?, ?, ?, ?, ?)", rows
    )
    counted = len(rows) if row_count is None else row_count
    connection.executemany("insert into meta values (?, ?)", [("host", host), ("row_count", str(counted))])
    connection.commit()
    content = connection.serialize()
    connection.close()
    return content


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def deliver(inbox: Path, host: str, name: str, content: bytes, received_at: datetime | None = None) -> Path:
    """Puts an agent's file where its agent drops it; `.gz` names are compressed, `.sqlite` go to the SQLite folder."""
    folder = "sqlite" if name.endswith((".sqlite", ".db")) else "telegraf"
    return write(
        inbox / "edge" / folder / host / name, gzipped(content) if name.endswith(".gz") else content, received_at
    )
