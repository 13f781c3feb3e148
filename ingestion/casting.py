"""Text -> typed columns, strictly: what `contracts.cast` does to one column. Vectorised; odd texts go one by one.

A text either has exactly one meaning here or none. Nothing is trimmed, guessed or rounded: `1,234.56`, `1_000`,
`01/02/2026`, `infinity` and fullwidth digits, which engines read each in their own way, are no values. The one thing
cut off is what a timestamp says below the microsecond.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

import polars as pl

if TYPE_CHECKING:
    from ingestion.contracts import Column

PERIOD = r"^([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])-(0[1-9]|1[0-2])$"  # there is no year 0
THRESHOLDS = r"^ *[0-9]{1,6}(\.[0-9]{1,6})? *%?( *; *[0-9]{1,6}(\.[0-9]{1,6})? *%?){0,11} *$"  # twelve at most
DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
INSTANT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]{1,9})?"
ZONE = r"(Z|[+-][0-9]{2}:[0-9]{2})"
NEGATIVE_ZERO = r"^-0+(\.0*)?([eE][+-]?[0-9]+)?$|^-\.0+$"
NOT_FINITE = re.compile(r"[+-]?(nan|snan|inf|infinity)", re.IGNORECASE | re.ASCII)
NUMBER = re.compile(r"([+-]?)([0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE]([+-]?[0-9]{1,9}))?", re.ASCII)
SAMPLE = 4096  # rows that say whether a column repeats itself
FLOAT_RANGE = 308  # powers of ten beyond which a double is infinite


@dataclass(slots=True)
class Cast:
    """One column, cast: where `why` has a reason the value is null and the text was no value."""

    values: pl.Series
    why: pl.Series | None  # reason per row, null where all is well; None: all is well


def physical_type(duckdb_type: str) -> pl.DataType:
    """The Polars type of a contract's type, e.g. decimal(38,18) -> Decimal(38, 18)."""
    if decimal := re.fullmatch(r"decimal\((\d+),\s*(\d+)\)", duckdb_type):
        return pl.Decimal(int(decimal[1]), int(decimal[2]))
    return {
        "varchar": pl.String(),
        "date": pl.Date(),
        "timestamp": pl.Datetime("us"),
        "bigint": pl.Int64(),
        "boolean": pl.Boolean(),
    }[duckdb_type]


@cache
def currencies() -> Mapping[str, int]:
    """ISO 4217 code -> minor unit, for the currencies that have one (XAU and XXX have none)."""
    from iso4217 import Currency

    return {currency.code: currency.exponent for currency in Currency if currency.exponent is not None}


@cache
def time_zones() -> frozenset[str]:
    """Names of IANA's zones. `localtime` is none: it is another one on each machine."""
    return frozenset(available_timezones()) - {"localtime"}


def parse_number(text: str, precision: int, scale: int) -> Decimal | str:
    """The exact value of one text, or the reason why it has none."""
    if NOT_FINITE.fullmatch(text):
        return "not_finite"
    parts = NUMBER.fullmatch(text)
    if not parts:
        return "not_a_number"
    sign, digits, exponent = parts[1], parts[2], int(parts[3] or 0)
    if not digits.strip("0."):
        # A negative zero is what a float leaves behind, never what a bill says.
        return "not_finite" if sign == "-" else Decimal(0)
    whole, _, fraction = digits.partition(".")
    if len(whole.lstrip("0")) + exponent > FLOAT_RANGE:
        return "not_finite"
    significant = (whole + fraction).lstrip("0")
    unsigned = significant.rstrip("0")
    lowest = exponent - len(fraction) + len(significant) - len(unsigned)  # power of ten of the last digit
    if lowest < -scale or len(unsigned) + lowest > precision - scale:
        return "too_many_digits"
    return Decimal(f"{sign}{unsigned}E{lowest}")


def _reasons(bad: pl.Series, reason: str) -> pl.Series | None:
    """`reason` where `bad`; None where nothing is."""
    if not bad.any():
        return None
    return pl.select(pl.when(bad).then(pl.lit(reason))).to_series()


def _one_by_one(text: pl.Series, odd: pl.Series, values: pl.Series, parse: Callable[[str], Any]) -> Cast:
    """Judges the texts at `odd` singly: `parse` yields a value, or a reason as str."""
    if not odd.any():
        return Cast(values, None)
    judged = {word: parse(word) for word in text.filter(odd).unique().to_list()}
    reasons = {word: outcome for word, outcome in judged.items() if isinstance(outcome, str)}
    parsed = {word: outcome for word, outcome in judged.items() if not isinstance(outcome, str)}
    singly = text.set(~odd, None)
    if parsed:
        read = singly.replace_strict(
            pl.Series(list(parsed), dtype=pl.String),
            pl.Series(list(parsed.values()), dtype=values.dtype),
            default=None,
            return_dtype=values.dtype,
        )
        values = values.set(odd, None).zip_with(~odd, read)
    else:
        values = values.set(odd, None)
    why = singly.replace_strict(reasons, default=None, return_dtype=pl.String) if reasons else None
    return Cast(values, why)


def _decimals(text: pl.Series, precision: int, scale: int) -> Cast:
    plain = rf"^-?[0-9]{{1,{precision - scale}}}(\.[0-9]{{1,{scale}}})?$" if scale else rf"^-?[0-9]{{1,{precision}}}$"
    odd = ~text.str.contains(plain).fill_null(True)
    odd = odd | (text.str.starts_with("-") & text.str.contains(NEGATIVE_ZERO)).fill_null(False)
    type_ = pl.Decimal(precision, scale)
    return _one_by_one(text, odd, text.set(odd, None).cast(type_), lambda word: parse_number(word, precision, scale))


def _integers(text: pl.Series, minimum: int | None) -> Cast:
    odd = ~text.str.contains(r"^-?[0-9]{1,18}$").fill_null(True)

    def parse(word: str) -> int | str:
        if not re.fullmatch(r"[+-]?[0-9]+", word, re.ASCII):
            return "not_finite" if NOT_FINITE.fullmatch(word) else "not_a_number"
        return int(word) if len(word) < 25 and -(2**63) <= int(word) < 2**63 else "too_many_digits"

    outcome = _one_by_one(text, odd, text.set(odd, None).cast(pl.Int64), parse)
    if minimum is None or not (low := (outcome.values < minimum).fill_null(False)).any():
        return outcome
    why = pl.Series([None], dtype=pl.String).new_from_index(0, len(text)) if outcome.why is None else outcome.why
    return Cast(outcome.values.set(low, None), why.set(low, "below_minimum"))


def _dates(text: pl.Series) -> Cast:
    values = text.set(~text.str.contains(DATE).fill_null(True), None).str.to_date("%Y-%m-%d", strict=False)
    # Year 0 is no year of ISO's calendar as SQL engines count it.
    values = values.set((values < date(1, 1, 1)).fill_null(False), None)
    return Cast(values, _reasons(values.is_null() & text.is_not_null(), "bad_date"))


def each_once(texts: pl.Series, outcome_of: Callable[[pl.Series], Cast]) -> Cast:
    """`outcome_of` the column, asked once per distinct value where they repeat: a month of a bill has 744 hours in
    millions of lines, and parsing their instants was three tenths of landing it.
    """
    sample = texts.head(SAMPLE)
    if sample.n_unique() * 2 > len(sample):
        return outcome_of(texts)
    distinct = texts.unique().drop_nulls()
    places = texts.cast(pl.Enum(distinct)).to_physical()
    outcome = outcome_of(distinct)
    return Cast(outcome.values.gather(places), None if outcome.why is None else outcome.why.gather(places))


def _timestamps(text: pl.Series, naive_is_utc: bool, asks_iso: bool) -> Cast:
    zone = f"{ZONE}?$" if naive_is_utc else f"{ZONE}$"
    regular = text.set(~text.str.contains(INSTANT + zone).fill_null(True), None).str.replace(" ", "T", literal=True)
    utc = regular.str.contains(r"(Z|[+-]00:00)$").fill_null(False)
    offset = regular.str.contains(r"[+-][0-9]{2}:[0-9]{2}$").fill_null(False) & ~utc
    plain = regular.set(offset, None).str.strip_suffix("Z").str.replace(r"[+-]00:00$", "")
    values = plain.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
    if offset.any():
        shifted = regular.set(~offset, None).str.to_datetime(
            "%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", strict=False, time_zone="UTC"
        )
        values = values.zip_with(~offset, shifted.dt.replace_time_zone(None))
    values = values.set((values < datetime(1, 1, 1)).fill_null(False), None)  # year 0, as for dates
    why = _reasons(values.is_null() & text.is_not_null(), "bad_timestamp")
    if why is not None and asks_iso:
        why = why.set(why.is_not_null() & regular.is_null(), "no_iso_8601_instant")
    return Cast(values, why)


def _booleans(text: pl.Series) -> Cast:
    values = pl.select(pl.when(text == "true").then(True).when(text == "false").then(False)).to_series()
    return Cast(values, _reasons(values.is_null() & text.is_not_null(), "not_a_boolean"))


def _texts(text: pl.Series, properties: Mapping[str, Any]) -> Cast:
    if "allowed" in properties:
        bad, reason = ~text.is_in(list(properties["allowed"])).fill_null(True), "not_allowed"
    elif properties.get("currency"):
        bad, reason = ~text.is_in(list(currencies())).fill_null(True), "bad_currency"
    elif properties.get("pattern") == "period":
        bad, reason = ~text.str.contains(PERIOD).fill_null(True), "bad_period"
    elif properties.get("pattern") == "time_zone":
        bad, reason = ~text.is_in(list(time_zones())).fill_null(True), "bad_time_zone"
    elif properties.get("pattern") == "thresholds":
        bad, reason = ~text.str.contains(THRESHOLDS).fill_null(True), "bad_thresholds"
    else:
        return Cast(text, None)
    return Cast(text.set(bad, None) if bad.any() else text, _reasons(bad, reason))


def cast_column(text: pl.Series, column: Column, naive_is_utc: bool, asks_iso: bool = False) -> Cast:
    """One text column under the rules of its contract column. Nulls stay null and are judged by the caller.

    `asks_iso`: a text that has not the shape of an ISO 8601 instant gets that as its reason.
    """
    type_ = physical_type(column.type)
    if isinstance(type_, pl.Decimal):
        return each_once(text, lambda texts: _decimals(texts, type_.precision, type_.scale))
    if column.type == "bigint":
        return _integers(text, column.properties.get("minimum"))
    if column.type == "date":
        return _dates(text)
    if column.type == "timestamp":
        return each_once(text, lambda texts: _timestamps(texts, naive_is_utc, asks_iso))
    if column.type == "boolean":
        return _booleans(text)
    return _texts(text, column.properties)


def payloads(frame: pl.DataFrame) -> pl.Series:
    """Each row as a JSON object of its non-null texts."""
    rows = (json.dumps({k: v for k, v in row.items() if v is not None}, ensure_ascii=False) for row in frame.to_dicts())
    return pl.Series("payload", list(rows), dtype=pl.String)
