"""Line protocol, quickly: a file of lines -> sample frames. Ordinary lines are taken apart by Polars, all at once;
every line with an escape, a quote, an exponent, a comment or a fault goes one by one to `edge_line_protocol.py`.
A server's day is a few thousand lines, and setting Polars to work on them costs as much as the work: few queries. A
lazy join of so few lines takes 3 ms, an eager one 0.3.

Counts: each field value of a line that is understood is one row; of a malformed one each physical line is one row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import BinaryIO

import polars as pl

from ingestion.sources.edge_line_protocol import DuplicateTag, Entry, Malformed, Unfinished, parse_entry, tags_of
from ingestion.sources.edge_samples import SAMPLE_COLUMNS, empty_columns, identity, reject, sample_frame

CHUNK = 4 << 20  # bytes taken apart at once
FEW = 16 << 10  # bytes below which going line by line is quicker than setting Polars to work
LONGEST_TEXT = 1 << 20  # bytes over which an open quote may reach before it is a fault of its line
WRONG_FILE_AFTER = 10  # malformed lines with no good one before the file is taken for something else

_KEY = r'[^,= "\\\x00-\x1f\x7f]+'
_NUMBER = r"-?[0-9]{1,26}(?:\.[0-9]{0,40})?|-?\.[0-9]{1,40}|-?[0-9]{1,18}i|[0-9]{1,19}u"
_VALUE = rf"(?:{_NUMBER}|t|T|true|True|TRUE|f|F|false|False|FALSE)"
_ORDINARY = (
    rf'^[^#,"\\ \x00-\x1f\x7f][^,"\\ \x00-\x1f\x7f]*(?:,{_KEY}={_KEY})*'  # measurement and tags
    rf" {_KEY}={_VALUE}(?:,{_KEY}={_VALUE})* -?[0-9]{{1,19}}\r?$"
)


class NotLineProtocol(Exception):
    """Nothing in the file reads as line protocol; the message says where it was looked."""


def sample_frames(stream: BinaryIO, folder: str, chunk: int = CHUNK) -> Iterator[pl.DataFrame]:
    """Frames of SAMPLE_COLUMNS from valid UTF-8; raises NotLineProtocol before the first frame or never."""
    held: list[pl.DataFrame] = []  # malformed lines only, until a good one shows that this is line protocol
    seen_good = False
    for frame in _chunks(stream, folder, chunk):
        held.append(frame)
        seen_good = seen_good or frame["reason"].null_count() > 0 or (frame["reason"] != "malformed_line").any()
        malformed = sum(map(len, held))
        if not seen_good and malformed >= WRONG_FILE_AFTER:
            first = held[0].row(0, named=True)
            raise NotLineProtocol(f"none of {malformed} lines is line protocol, from line {first['line']} on")
        if seen_good:
            yield from held
            held = []
    yield from held


def _chunks(stream: BinaryIO, folder: str, size: int) -> Iterator[pl.DataFrame]:
    pending, offset, line = b"", 0, 1
    while True:
        block = stream.read(size)
        data = pending + block
        last = len(block) < size  # a file on disk or in memory gives less only at its end
        if not data:
            return
        cut = len(data) if last else data.rfind(b"\n") + 1
        if cut:
            frame, used = _frame(data[:cut], last, folder, offset, line)
            yield frame
            line += data.count(b"\n", 0, used)
            offset += used
            pending = data[used:]
        else:
            pending = data
        if last:
            return


def _frame(data: bytes, last: bool, folder: str, offset: int, line: int) -> tuple[pl.DataFrame, int]:
    """The rows of whole lines, and how many bytes they took: less than all where a text goes on behind them."""
    if len(data) < FEW:
        columns, _, used = _odd_rows(data, last, _line_starts(data, line), folder, offset)
        return sample_frame(columns), used
    texts = data.decode("utf-8").removesuffix("\n").split("\n")
    size = pl.col("text").str.len_bytes().cast(pl.Int64) + 1
    lines = pl.DataFrame({"text": texts}).select(
        "text",
        pl.int_range(line, line + len(texts), dtype=pl.Int64).alias("line"),
        (size.cum_sum() - size).alias("start"),
        pl.col("text").str.contains(_ORDINARY).alias("is_ordinary"),
    )
    if lines["is_ordinary"].all():
        return _ordinary_rows(lines, folder, offset), len(data)
    ordinary, odd = lines.filter("is_ordinary"), lines.filter(~pl.col("is_ordinary"))
    columns, taken, used = _odd_rows(data, last, odd.select("line", "start").rows(), folder, offset)
    if used < len(data):
        ordinary = ordinary.filter(pl.col("start") < used)
    if taken:
        ordinary = ordinary.filter(~pl.col("line").is_in(taken))
    frame = pl.concat([_ordinary_rows(ordinary, folder, offset), sample_frame(columns)])
    return frame.sort("line", maintain_order=True), used


def _line_starts(data: bytes, line: int) -> Iterator[tuple[int, int]]:
    start = 0
    while start < len(data):
        yield line, start
        line, start = line + 1, data.find(b"\n", start) + 1 or len(data)


def _ordinary_rows(lines: pl.DataFrame, folder: str, offset: int) -> pl.DataFrame:
    if lines.is_empty():
        return SAMPLE_COLUMNS.to_frame()
    parts = lines.select(
        "line",
        "start",
        pl.col("text").str.strip_suffix("\r").str.splitn(" ", 3).struct.rename_fields(["head", "fields", "time"]),
    ).unnest("text")
    heads = parts["head"].unique(maintain_order=True)
    named = pl.DataFrame(
        [(head, *_head(head, folder)) for head in heads],
        schema=dict.fromkeys(("head", "measurement", "source", "labels", "reason"), pl.String),
        orient="row",
    )
    nanoseconds = pl.col("time").cast(pl.Int64, strict=False)
    parts = parts.join(named, on="head", how="left", maintain_order="left").with_columns(
        (nanoseconds // 1000).alias("microseconds"),
        pl.coalesce("reason", pl.when(nanoseconds.is_null()).then(pl.lit("bad_timestamp"))).alias("reason"),
    )
    unread = parts.clear()
    if parts["reason"].null_count() < len(parts):
        unread, parts = parts.filter(pl.col("reason").is_not_null()), parts.filter(pl.col("reason").is_null())
    key_value = pl.col("fields").str.splitn("=", 2).struct
    boolean = pl.col("token").str.contains("^[tTfF]")
    frame = (
        parts.lazy()
        .with_columns(pl.col("fields").str.split(","))
        .explode("fields", empty_as_null=False)
        .with_columns(key_value.field("field_0").alias("field"), key_value.field("field_1").alias("token"))
        .select(
            "line",
            (pl.col("start") + offset).alias("offset"),
            "source",
            (pl.col("measurement") + "_" + pl.col("field")).alias("series"),
            "labels",
            "microseconds",
            pl.when(~boolean).then(pl.col("token").str.strip_chars_end("iu")).alias("number"),
            pl.when(boolean)
            .then(pl.when(pl.col("token").str.contains("^[tT]")).then(pl.lit("true")).otherwise(pl.lit("false")))
            .alias("text_value"),
            pl.lit(None, pl.String).alias("reason"),
            pl.lit(None, pl.String).alias("column_name"),
            pl.lit(None, pl.String).alias("payload"),
        )
        .collect()
    )
    if unread.is_empty():
        return frame
    columns = empty_columns()
    for row in unread.iter_rows(named=True):
        text = f"{row['head']} {row['fields']} {row['time']}"
        column = "labels" if row["reason"] == "duplicate_tag" else "sampled_at"
        reject(columns, row["line"], row["start"] + offset, row["reason"], column, text)
    return pl.concat([frame, sample_frame(columns)]).sort("line", maintain_order=True)


@lru_cache(maxsize=65536)
def _head(head: str, folder: str) -> tuple[str, str | None, str | None, str | None]:
    """Measurement, host, labels of `measurement,tag=value,…` without escapes, and what is wrong with it."""
    measurement, comma, tags = head.partition(",")
    try:
        return (measurement, *identity(tags_of((comma + tags).encode()), folder), None)
    except DuplicateTag:
        return measurement, None, None, "duplicate_tag"


def _odd_rows(
    data: bytes, last: bool, places: Iterable[tuple[int, int]], folder: str, offset: int
) -> tuple[dict[str, list], list[int], int]:
    """Rows of the lines at `places` (line, start), the lines that turned out to lie inside them, and bytes used."""
    columns, taken, done = empty_columns(), [], 0
    for line, start in places:
        if start < done:
            continue
        entry = parse_entry(data, start, last)
        if isinstance(entry, Unfinished):
            if len(data) - start <= LONGEST_TEXT:
                return columns, taken, start
            entry = Malformed(start, data.find(b"\n", start) + 1, "malformed_line")
        if entry is None:
            continue
        done = entry.end
        inside = data.count(b"\n", start, done - 1)
        taken += range(line + 1, line + inside + 1)
        if isinstance(entry, Malformed):
            _reject_lines(columns, data, entry, line, offset)
        elif entry.nanoseconds is None:
            _reject_lines(columns, data, Malformed(start, done, "no_timestamp", "sampled_at"), line, offset)
        else:
            _accept(columns, entry, line, folder, offset)
    return columns, taken, len(data)


def _accept(columns: dict[str, list], entry: Entry, line: int, folder: str, offset: int) -> None:
    source, labels = _identity(tuple(entry.tags), folder)
    for field in entry.fields:
        is_text = field.kind in ("bool", "string")
        columns["line"].append(line)
        columns["offset"].append(entry.start + offset)
        columns["source"].append(source)
        columns["series"].append(f"{entry.measurement}_{field.key}")
        columns["labels"].append(labels)
        columns["microseconds"].append(entry.nanoseconds // 1000)
        columns["number"].append(None if is_text else field.text)
        columns["text_value"].append(field.text if is_text else None)
        columns["reason"].append(None)
        columns["column_name"].append(None)
        columns["payload"].append(None)


_identity = lru_cache(maxsize=65536)(identity)


def _reject_lines(columns: dict[str, list], data: bytes, entry: Malformed, line: int, offset: int) -> None:
    """Each physical line of a malformed entry by itself, so that lines read and lines refused add up to the file."""
    start = entry.start
    while start < entry.end:
        end = data.find(b"\n", start, entry.end) + 1 or entry.end
        text = data[start:end].decode("utf-8").rstrip("\r\n")
        reject(columns, line, start + offset, entry.reason, entry.column, text)
        start, line = end, line + 1
