"""Sample -> landed row: what the three edge formats share, after parsing and before the lake.

A reader hands over frames of `SAMPLE_COLUMNS`, one row per delivered field value or per line it could not read, in the
order of the file. Here they become the contract's columns, exact decimals, months and quarantine.
Row numbers: every field value and every malformed line takes one, so `good` + `rejected` hold 1..n exactly once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from functools import lru_cache

import polars as pl

from ingestion.contracts import REJECTED_SCHEMA, Contract
from ingestion.deliveries import Refused, Rows

SAMPLE_COLUMNS = pl.Schema(
    {
        "line": pl.Int64,  # physical line, ordinal of the metric, or id of the row
        "offset": pl.Int64,  # byte of the unpacked file at which the line starts; null where the format has none
        "source": pl.String,
        "series": pl.String,
        "labels": pl.String,
        "microseconds": pl.Int64,  # since 1970-01-01 UTC
        "number": pl.String,  # as delivered, without i or u
        "text_value": pl.String,
        "reason": pl.String,  # not null: to the quarantine
        "column_name": pl.String,
        "payload": pl.String,  # null: written from the other columns
    }
)
VALUE_TYPE = pl.Decimal(38, 12)
HOST_TAG = "host"
# High-availability pairs differ in these only: both report one series (faults.md, 35).
REPLICA_TAGS = frozenset({"replica", "prometheus_replica", "__replica__"})
EARLIEST, LATEST = (  # what a timestamp column holds without a year of five digits
    int((datetime(year, 1, 1, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))
    for year in (1, 9999)
)

_PLAIN = r"^-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)$"
_STEP = Decimal("1e-12")
_WIDE = Context(prec=60, rounding=ROUND_HALF_UP)
_TOP = Decimal(10) ** 26  # decimal(38,12) holds 26 digits before the point
_DOUBLE_EXPONENT = 308  # what the agents hold in a double is below 1e309
_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})?",
    re.ASCII,
)


def refusal(key: str, what: str, remedy: str, contract: Contract) -> Refused:
    """The error of a file refused whole; `what` names the row and column where there are any."""
    return Refused(f"{key}: {what} (contract {contract.id} {contract.version}). {remedy}")


def identity(tags: Iterable[tuple[str, str]], folder: str) -> tuple[str, str]:
    """Host and labels (JSON, sorted keys, compact) of a sample; tags without a value count as absent."""
    labels = {key: value for key, value in tags if value and key not in REPLICA_TAGS}
    source = labels.pop(HOST_TAG, folder)
    return source, json.dumps(labels, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def exact_value(number: str) -> tuple[Decimal | None, str | None]:
    """A number text as decimal(38,12), half away from zero, or (None, reason)."""
    try:
        exact = Decimal(number)
    except InvalidOperation:
        return None, "too_many_digits"
    if not exact.is_finite() or (exact and exact.adjusted() > _DOUBLE_EXPONENT):
        return None, "not_finite"
    if exact.adjusted() > 26:
        return None, "too_many_digits"
    value = exact.quantize(_STEP, context=_WIDE)
    return (None, "too_many_digits") if abs(value) >= _TOP else (value + 0, None)


@lru_cache(maxsize=65536)
def instant(text: str) -> int | None:
    """Microseconds of a strict ISO 8601 instant; without a zone it is UTC (contract: naiveTimestamps); None if bad."""
    found = _ISO.fullmatch(text)
    if not found:
        return None
    day, time, fraction, zone = found.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{time}{'+00:00' if zone in (None, 'Z') else zone}")
    except ValueError:
        return None
    whole = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    return whole * 1_000_000 + int((fraction or "").ljust(6, "0")[:6])


def moment_of(stamp: Decimal) -> int | None:
    """Microseconds of a Unix time in s, ms, us or ns, by magnitude (seconds until 5138); None if it is none."""
    digits = stamp.adjusted() if stamp else 0
    if not stamp.is_finite() or digits >= 20:
        return None
    scale = 6 if digits < 11 else 3 if digits < 14 else 0 if digits < 17 else -3
    moment = int(stamp.scaleb(scale) // 1) if stamp >= 0 else -int(-stamp.scaleb(scale) // 1)
    return moment if EARLIEST <= moment < LATEST else None


def payload(**parts: object) -> str:
    """What the quarantine keeps of a row, as JSON."""
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"), default=str)


def sample_frame(columns: Mapping[str, list]) -> pl.DataFrame:
    """Rows collected one by one, as a frame of SAMPLE_COLUMNS."""
    return pl.DataFrame(columns, schema=SAMPLE_COLUMNS, strict=True)


def empty_columns() -> dict[str, list]:
    """A list per column for readers that collect rows one by one."""
    return {name: [] for name in SAMPLE_COLUMNS}


def reject(columns: dict[str, list], number: int, offset: int, reason: str, column: str | None, text: str) -> None:
    """Adds a line that holds no sample, with its place (its number, and its byte in the unpacked file)."""
    known = {
        "line": number,
        "offset": offset,
        "reason": reason,
        "column_name": column,
        "payload": payload(line=number, offset=offset, text=text),
    }
    for name, values in columns.items():
        values.append(known.get(name))


def rows(frames: Iterable[pl.DataFrame], key: str, contract: Contract) -> Iterator[Rows]:
    """Frames of one file -> batches for the lake, one per month; what has no instant goes under no month ("").

    Raises Refused where the file holds nothing at all: an outage of metering must not look like zero usage.
    """
    counted = 0
    for frame in frames:
        if frame.is_empty():
            continue
        yield from _by_month(_typed(frame, counted), key, contract)
        counted += len(frame)
    if not counted:
        raise refusal(
            key,
            "holds no sample",
            "An empty file is not zero usage: deliver the samples again or take it out.",
            contract,
        )


def _typed(frame: pl.DataFrame, counted: int) -> pl.DataFrame:
    number = pl.col("number")
    # Polars breaks ties to even. With a 1 behind the last digit no number of 13 decimals or more is a tie,
    # and the digit cannot change any other outcome.
    unambiguous = pl.when(number.str.contains(r"\.[0-9]{13}")).then(number + "1").otherwise(number)
    typed = frame.with_columns(
        pl.int_range(counted + 1, counted + 1 + pl.len(), dtype=pl.Int64).alias("source_row"),
        pl.when(number.str.contains(_PLAIN)).then(unambiguous).cast(VALUE_TYPE, strict=False).alias("value"),
        pl.from_epoch("microseconds", time_unit="us").alias("sampled_at"),
    )
    if typed["value"].null_count() == typed["number"].null_count():
        return typed
    odd = typed.select((number.is_not_null() & pl.col("value").is_null() & pl.col("reason").is_null()).arg_true())
    if odd.is_empty():
        return typed
    places = odd.to_series()
    outcomes = [exact_value(text) for text in typed["number"].gather(places)]
    repaired = pl.DataFrame(
        {
            "source_row": typed["source_row"].gather(places),
            "value": pl.Series([value for value, _ in outcomes], dtype=VALUE_TYPE),
            "reason": pl.Series([reason for _, reason in outcomes], dtype=pl.String),
            "column_name": pl.Series([reason and "value" for _, reason in outcomes], dtype=pl.String),
        }
    )
    return typed.update(repaired, on="source_row", how="left")


def _by_month(typed: pl.DataFrame, key: str, contract: Contract) -> Iterator[Rows]:
    names = [column.name for column in contract.columns]
    month = pl.col("sampled_at").dt.year() * 100 + pl.col("sampled_at").dt.month().cast(pl.Int32)
    typed = typed.with_columns(month.fill_null(0).alias("month"), pl.lit(key).alias("source_file"))
    months = typed["month"].unique().sort().to_list()
    for number in months:
        part = typed if len(months) == 1 else typed.filter(pl.col("month") == number)
        good, bad = part, part.clear()
        if part["reason"].null_count() < len(part):
            good, bad = part.filter(pl.col("reason").is_null()), part.filter(pl.col("reason").is_not_null())
        yield Rows(
            period=f"{number // 100:04d}-{number % 100:02d}" if number else "",
            good=good.select(*names, "source_file", "source_row"),
            rejected=_rejected(bad),
        )


def _rejected(bad: pl.DataFrame) -> pl.DataFrame:
    if bad.is_empty():
        return pl.DataFrame(schema=REJECTED_SCHEMA)
    described = pl.struct("line", "offset", "source", "series", "labels", "sampled_at", value=pl.col("number"))
    return bad.select(
        "source_file",
        "source_row",
        "reason",
        "column_name",
        pl.coalesce("payload", described.struct.json_encode()).alias("payload"),
    )
