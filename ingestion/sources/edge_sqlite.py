"""An agent's SQLite file -> sample frames. The file's schema is ours and stands in the contract (edge.samples):

    samples(id INTEGER PRIMARY KEY, measurement TEXT, field TEXT, tags TEXT, sampled_at INTEGER or TEXT, value)
    meta(key TEXT PRIMARY KEY, value TEXT)     optional: host, row_count

Files are copied while agents write them, so they are read from a copy of our own, with the -wal or -journal that was
shipped beside, and only if SQLite finds the copy whole and the count agrees with `meta`. One row in, one row out.
"""

from __future__ import annotations

import json
import re
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import polars as pl

from ingestion.sources.edge_samples import empty_columns, identity, instant, payload, sample_frame

COLUMNS = ("id", "measurement", "field", "tags", "sampled_at", "value")
COMPANIONS = ("-wal", "-shm", "-journal")
BATCH = 100_000  # rows held before a frame is handed on
_EARLIEST_NS = 10**17  # 1973: an integer below this was written in another unit than nanoseconds
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?(?:nan|inf(?:inity)?)", re.IGNORECASE)
_DIGITS_AND_MARKS = re.compile(r"[-+]?[\d.,_'\s]*\d[\d.,_'\s]*")
_MARK = re.compile(r"[,_'\s]|[^\x00-\x7f]")


class NotAgentFile(Exception):
    """The file is refused whole; the message says what SQLite or the count found."""


def sample_frames(database: IO[bytes], companions: Mapping[str, IO[bytes]], folder: str) -> Iterator[pl.DataFrame]:
    """Frames of SAMPLE_COLUMNS in order of id; raises NotAgentFile before the first frame or never.

    `companions` by suffix (-wal, -journal); -shm is not needed, SQLite makes it anew.
    """
    with tempfile.TemporaryDirectory(prefix="edge-sqlite-") as folder_of_copy:
        copy = Path(folder_of_copy) / "samples.db"
        for suffix, stream in {"": database, **companions}.items():
            if suffix != "-shm":
                with open(f"{copy}{suffix}", "wb") as target:
                    while block := stream.read(1 << 20):
                        target.write(block)
        # The copy is ours: where a log was shipped SQLite may replay it there. Without one nothing may change.
        options = "mode=rw" if companions else "mode=ro&immutable=1"
        try:
            with closing(sqlite3.connect(f"{copy.as_uri()}?{options}", uri=True, isolation_level=None)) as connection:
                connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
                connection.execute("pragma trusted_schema = off")
                host = _checked(connection) or folder
                yield from _frames(connection, host)
        # Python's driver decodes names and messages of a damaged schema before any text factory sees them.
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise NotAgentFile(f"is malformed or was copied while it was written: {error}") from None


def _checked(connection: sqlite3.Connection) -> str:
    """Host named by `meta`, or ""; raises NotAgentFile if the file is not whole or not of our schema."""
    problems = [text for (text,) in connection.execute("pragma integrity_check(3)")]
    if problems != ["ok"]:
        raise NotAgentFile(f"fails SQLite's integrity check: {problems[0]}")
    tables = {name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")}
    if "samples" not in tables:
        raise NotAgentFile("has no table samples")
    present = {row[1] for row in connection.execute("pragma table_xinfo(samples)")}
    missing = [name for name in COLUMNS if name not in present]
    if missing:
        raise NotAgentFile(f"lacks column {missing[0]} of table samples")
    meta = dict(connection.execute("select key, value from meta")) if "meta" in tables else {}
    (rows,) = connection.execute("select count(*) from samples").fetchone()
    if "row_count" in meta and str(meta["row_count"]) != str(rows):
        raise NotAgentFile(f"has {rows} rows in samples where meta.row_count says {meta['row_count']}")
    return str(meta.get("host") or "")


def _frames(connection: sqlite3.Connection, host: str) -> Iterator[pl.DataFrame]:
    cursor = connection.execute(f"select {', '.join(COLUMNS)} from samples order by id")
    while rows := cursor.fetchmany(BATCH):
        columns = empty_columns()
        for row in rows:
            _append(columns, row, host)
        yield sample_frame(columns)


def _append(columns: dict[str, list], row: tuple, host: str) -> None:
    identifier, measurement, field, tags, sampled_at, value = row
    known: dict[str, Any] = {"line": identifier if isinstance(identifier, int) else None}
    reason, column = None, None
    known["number"], known["text_value"], problem = _value(value)
    if problem:
        reason, column = problem, "value"
    moment = _microseconds(sampled_at)
    if moment is None:
        reason, column = ("no_timestamp" if sampled_at is None else "bad_timestamp"), "sampled_at"
    identified = _identified(measurement, field, tags, host)
    if identified is None:
        reason, column = "malformed_sample", "series"
    else:
        known["source"], known["series"], known["labels"] = identified
    if not _clean(known["text_value"]):
        reason, column, known["text_value"] = "bad_text", "text_value", None
    if reason:
        known["payload"] = payload(line=_shown(identifier), row=[_shown(cell) for cell in row])
    known |= {"microseconds": moment, "reason": reason, "column_name": column}
    for name, values in columns.items():
        values.append(known.get(name))


def _value(value: Any) -> tuple[str | None, str | None, str | None]:
    """(number, text, reason). Text that is a number counts as one: agents write what a REAL cannot hold as text."""
    if isinstance(value, int):
        return str(value), None, None
    if isinstance(value, float):
        text = repr(value)  # the shortest text that gives the same double
        return (None, None, "not_finite") if _NOT_FINITE.fullmatch(text) else (text, None, None)
    if value is None:
        return None, None, "no_value"
    if not isinstance(value, str):
        return None, None, "not_a_number"
    if _NUMBER.fullmatch(value):
        return value.removeprefix("+"), None, None
    if _NOT_FINITE.fullmatch(value):
        return None, None, "not_finite"
    # 1,234.56 or 1_000 or digits of another script are meant as a number and none of ours; 10.0.0.1 is a text.
    meant = _DIGITS_AND_MARKS.fullmatch(value) and _MARK.search(value)
    return (None, None, "not_a_number") if meant else (None, value, None)


def _microseconds(stamp: Any) -> int | None:
    if isinstance(stamp, int):
        return stamp // 1000 if stamp >= _EARLIEST_NS else None
    return instant(stamp) if isinstance(stamp, str) else None


@lru_cache(maxsize=65536)
def _identified(measurement: Any, field: Any, tags: Any, host: str) -> tuple[str, str, str] | None:
    """Source, series and labels; None where one of them cannot be read."""
    if not (isinstance(measurement, str) and measurement and isinstance(field, str) and field):
        return None
    try:
        parsed = json.loads(tags) if tags else {}
    except (ValueError, TypeError, RecursionError):
        return None
    if not isinstance(parsed, dict) or not all(isinstance(value, str) for value in parsed.values()):
        return None
    source, labels = identity(parsed.items(), host)
    return (source, f"{measurement}_{field}", labels) if _clean(measurement + field + source + labels) else None


def _clean(text: str | None) -> bool:
    """Whether a text is text: no byte that was no UTF-8, no half of a surrogate pair."""
    try:
        (text or "").encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _shown(cell: Any) -> Any:
    if isinstance(cell, bytes):
        return cell.hex()
    return cell.encode("utf-8", "replace").decode("utf-8") if isinstance(cell, str) else cell
