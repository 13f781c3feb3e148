"""Casts: a delivered text has one meaning or none. Compared with plain Python on whatever hypothesis thinks of."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingestion.contracts import Column, Contract, cast, load_contract
from ingestion.deliveries import Refused

NUMBERS = ("0123456789", "+-.eE", ",_ '", "naifNI", "１２٣", "\u00a0")
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def contract(*columns: Column, **properties: Any) -> Contract:
    return Contract("test", "rows", "1.2.3", columns, properties)


def column(name: str, type_: str, required: bool = False, **properties: Any) -> Column:
    return Column(name, type_, required, "", properties=properties)


def frame(**texts: list[str | None]) -> pl.DataFrame:
    rows = len(next(iter(texts.values())))
    return pl.DataFrame(texts, schema=dict.fromkeys(texts, pl.String)).with_columns(
        pl.lit("file.csv").alias("source_file"), pl.int_range(1, rows + 1, dtype=pl.Int64).alias("source_row")
    )


def outcomes(texts: list[str | None], type_: str, **more: Any) -> list[Any]:
    """Per text its value, or the reason why it has none."""
    naive = {"naiveTimestamps": "UTC"} if more.pop("naive", False) else {}
    good, rejected = cast(frame(x=texts), contract(column("x", type_, **more), **naive))
    assert good.height + rejected.height == len(texts)
    by_row = dict(zip(good["source_row"], good["x"], strict=True))
    by_row |= dict(zip(rejected["source_row"], rejected["reason"], strict=True))
    return [by_row[row] for row in range(1, len(texts) + 1)]


def expected_number(text: str, digits: int, scale: int) -> Decimal | str:
    """The rule once more, in Python's own decimals."""
    if re.fullmatch(r"[+-]?(nan|snan|inf|infinity)", text, re.I | re.A):
        return "not_finite"
    if not NUMBER.fullmatch(text):
        return "not_a_number"
    with localcontext(prec=2000, Emax=10**9, Emin=-(10**9)) as context:
        value = context.create_decimal(text)
        if value.is_zero():
            return "not_finite" if value.is_signed() else Decimal(0)
        if value.adjusted() >= 308:
            return "not_finite"
        if abs(value) >= Decimal(10) ** digits or value != value.quantize(Decimal(1).scaleb(-scale)):
            return "too_many_digits"
        return value


number_like = st.one_of(
    st.decimals(allow_nan=True, allow_infinity=True).map(str),
    st.integers().map(str),
    st.from_regex(r"[+-]?[0-9]{0,42}(\.[0-9]{0,22})?([eE][+-]?[0-9]{1,4})?", fullmatch=True),
    st.text(alphabet="".join(NUMBERS), min_size=1, max_size=12),
    st.text(min_size=1, max_size=6),
).filter(bool)


@given(st.lists(number_like, min_size=1, max_size=30))
@example(["-0.00", "-0", "-.0", "-0e5", "0", "00.000", "1e307", "1e308", "1e400", "1E-18", "1E-19"])
def test_a_number_is_taken_exactly_or_not_at_all(texts: list[str]) -> None:
    """Fails when a number is rounded, wrapped or read where it is none (faults 21, 22, 23)."""
    assert outcomes(texts, "decimal(38,18)") == [expected_number(text, 20, 18) for text in texts]
    assert outcomes(texts, "decimal(18,4)") == [expected_number(text, 14, 4) for text in texts]


@given(st.integers(-(10**38) + 1, 10**38 - 1))
def test_every_amount_that_fits_survives(units: int) -> None:
    """Fails when one of 38 digits is lost (fault 23)."""
    with localcontext(prec=60):
        value = Decimal(units).scaleb(-18)
    assert outcomes([f"{value:f}"], "decimal(38,18)") == [value]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("NaN", "not_finite"),
        ("Inf", "not_finite"),
        ("-infinity", "not_finite"),
        ("1e400", "not_finite"),
        ("-0.00", "not_finite"),
        ("1,234.56", "not_a_number"),
        ("1_000", "not_a_number"),
        ("１２", "not_a_number"),
        (" 1", "not_a_number"),
        ("1 ", "not_a_number"),
        ("\u00a01", "not_a_number"),
        (" ", "not_a_number"),
        ("0x10", "not_a_number"),
        ("1.2.3", "not_a_number"),
        (".", "not_a_number"),
        ("e5", "not_a_number"),
        ("1" * 21, "too_many_digits"),
        ("0." + "0" * 18 + "1", "too_many_digits"),
        ("1" * 39, "too_many_digits"),
    ],
)
def test_what_is_no_exact_number_is_quarantined(text: str, reason: str) -> None:
    """Fails when one of the known traps is loaded, or blamed on something else (faults 22, 23)."""
    assert outcomes([text, "7"], "decimal(38,18)") == [reason, Decimal(7)]


@given(st.lists(st.one_of(st.integers().map(str), number_like), min_size=1))
@example(["0" * 24, "0" * 25, "-" + "0" * 23, "-" + "0" * 24, "+" + "0" * 22 + "1", "+" + "0" * 23 + "1"])
def test_an_integer_is_one_of_64_bits_or_none(texts: list[str]) -> None:
    """Fails when a whole number is cut to fit, or a fraction passes for one (fault 23)."""
    for text, outcome in zip(texts, outcomes(texts, "bigint"), strict=True):
        if re.fullmatch(r"(?=.{1,24}$)[+-]?[0-9]+", text, re.A) and -(2**63) <= int(text) < 2**63:
            assert outcome == int(text)
        else:
            assert outcome in ("not_a_number", "not_finite", "too_many_digits")


dates = st.one_of(
    st.dates().map(str),
    st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", fullmatch=True),
    st.sampled_from(
        ["infinity", "epoch", "today", "01/02/2026", "2026-2-3", "20260203", "2026-02-30", "２０２６-01-01"]
    ),
)


@given(st.lists(dates, min_size=1))
@example(["0000-01-01", "9999-12-31", "2024-02-29", "2023-02-29"])
def test_a_date_is_strict_iso_or_none(texts: list[str]) -> None:
    """Fails when 30 February, `epoch` or a day-first date becomes some day (fault 24)."""

    def expected(text: str) -> date | str:
        try:
            return date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.A) else "bad_date"
        except ValueError:
            return "bad_date"

    assert outcomes(texts, "date") == [expected(text) for text in texts]


@given(
    st.lists(
        st.tuples(
            st.datetimes(min_value=datetime(1000, 1, 2), max_value=datetime(9999, 12, 30)),
            st.sampled_from(["", "Z", "+00:00", "-00:00", "+05:30", "-11:00", "+14:00"]),
            st.sampled_from(["T", " "]),
        ),
        min_size=1,
    )
)
def test_an_instant_is_utc_whatever_zone_it_was_written_in(moments: list[tuple[datetime, str, str]]) -> None:
    """Fails when an offset is ignored, or a time without a zone is taken for one where nothing says so (fault 24)."""
    texts = [moment.isoformat(separator) + zone for moment, zone, separator in moments]
    zoned = [
        datetime.fromisoformat(text + ("" if zone else "Z")) for text, (_, zone, _) in zip(texts, moments, strict=True)
    ]
    utc = [moment.astimezone(UTC).replace(tzinfo=None) for moment in zoned]
    assert outcomes(texts, "timestamp", naive=True) == utc
    strict = [moment if zone else "bad_timestamp" for moment, (_, zone, _) in zip(utc, moments, strict=True)]
    assert outcomes(texts, "timestamp") == strict


@pytest.mark.parametrize(
    "text",
    [
        *("epoch", "infinity", "now", "2026-01-01", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z"),
        *("2026-01-01T00:00:60Z", "2026-01-01T00:00Z", "2026-01-01T00:00:00 UTC", "2026-01-01T00:00:00+0530"),
        *("01/02/2026 00:00:00", "1767225600", "0000-01-01T00:00:00Z"),
    ],
)
def test_what_is_no_instant_is_quarantined(text: str) -> None:
    """Fails when a text DuckDB or Python would read as some time is loaded (fault 24)."""
    assert outcomes([text], "timestamp", naive=True) == ["bad_timestamp"]


def test_a_contract_may_say_that_iso_8601_is_asked_for() -> None:
    """Fails when one country's date is guessed, or quarantined without saying what is asked for (fault 24)."""
    texts = ["4/1/25", "2026-01-01", "2026-02-30T00:00:00Z", "2023-02-01T30:00:00Z", "2026-01-01T00:00:00Z", None]
    asking = contract(column("x", "timestamp"), naiveTimestamps="UTC", instants="ISO 8601")
    good, rejected = cast(frame(x=texts), asking)
    assert good["x"].to_list() == [datetime(2026, 1, 1), None]
    assert rejected["reason"].to_list() == ["no_iso_8601_instant"] * 2 + ["bad_timestamp"] * 2


def test_a_timestamp_is_cut_at_the_microsecond() -> None:
    """Fails when nanoseconds, which agents write, are rounded up into the next month or refused."""
    texts = ["2026-01-31T23:59:59.999999999Z"]
    assert outcomes(texts, "timestamp") == [datetime(2026, 1, 31, 23, 59, 59, 999999)]


@pytest.mark.parametrize("text", ["000123456789", " x", "x ", "\u00a0x", "X", "x", "1e5", "NULL", "nan", "a\nb", "'"])
def test_an_id_is_text_as_delivered(text: str) -> None:
    """Fails when a leading zero, a space or the case of an id is lost (fault 28)."""
    assert outcomes([text], "varchar") == [text]


def test_an_empty_text_is_a_missing_value() -> None:
    """Fails when "" and nothing are two things, or a required column takes either."""
    assert outcomes(["", None], "varchar") == [None, None]
    assert outcomes(["", None], "decimal(38,12)") == [None, None]
    assert outcomes(["", None, "x"], "varchar", required=True) == ["missing_required", "missing_required", "x"]


def test_a_row_must_fill_one_of_several_columns_where_its_contract_says_so() -> None:
    """Fails when a commitment without a scope is taken: it would be about nothing, and nobody would be told."""
    columns = [column(name, "varchar") for name in ("a", "b", "c")]
    good, rejected = cast(
        frame(a=["x", None, None], b=[None, "", "y"]), contract(*columns, needsOneOf=[["a", "b", "c"]])
    )
    assert good["source_row"].to_list() == [1, 3]
    assert rejected.select("source_row", "reason", "column_name").rows() == [(2, "missing_required", "a or b or c")]


def test_a_missing_required_column_refuses_the_file() -> None:
    """Fails when a file without a required column is loaded, or the message does not say which (fault 17)."""
    with pytest.raises(Refused, match=r"file\.csv: required column price is missing \(contract test\.rows 1\.2\.3\)"):
        cast(frame(name=["a"]), contract(column("name", "varchar"), column("price", "decimal(38,12)", required=True)))


def test_a_column_that_is_not_delivered_is_null_of_its_type() -> None:
    """Fails when the landed columns depend on which optional ones a month brought (fault 19)."""
    good, rejected = cast(frame(b=["x"]), contract(column("a", "date"), column("b", "varchar"), column("c", "bigint")))
    assert good.columns == ["a", "b", "c", "source_file", "source_row"]
    assert good.schema["a"] == pl.Date() and good.schema["c"] == pl.Int64()
    assert rejected.is_empty()


@given(st.permutations(["a", "b", "c"]))
def test_the_order_of_columns_does_not_matter(order: list[str]) -> None:
    """Fails when columns are taken by position (fault 19)."""
    rules = contract(column("a", "varchar"), column("b", "decimal(38,12)"), column("c", "date"))
    texts = {"a": ["1", "2"], "b": ["1.5", "x"], "c": ["2026-01-01", ""]}
    good, rejected = cast(frame(**{name: texts[name] for name in order}), rules)
    assert good.rows() == [("1", Decimal("1.5"), date(2026, 1, 1), "file.csv", 1)]
    assert rejected["reason"].to_list() == ["not_a_number"]


def test_closed_lists_booleans_periods_and_currencies_are_strict() -> None:
    """Fails when a value outside its list is loaded; XAU has no minor unit, so no amount can be in it (fault 53)."""
    assert outcomes(["a", "A", "c"], "varchar", allowed=["a", "b"]) == ["a", "not_allowed", "not_allowed"]
    assert outcomes(["true", "false", "True", "1"], "boolean") == [True, False, "not_a_boolean", "not_a_boolean"]
    assert outcomes(["2026-01", "2026-13", "2026-1", "0000-01"], "varchar", pattern="period") == [
        "2026-01",
        *["bad_period"] * 3,
    ]
    zones = ["Europe/Berlin", "UTC", "Pacific/Kiritimati", "Europe/Atlantis", "europe/berlin", "+01:00", "localtime"]
    assert outcomes([*zones, "../../etc/passwd", "Europe"], "varchar", pattern="time_zone") == [
        *zones[:3],
        *["bad_time_zone"] * 6,
    ]
    assert outcomes(["50;80;100", "0.5; 1.2", "90%", "80,100", "50;", "-5"], "varchar", pattern="thresholds") == [
        *("50;80;100", "0.5; 1.2", "90%"),
        *["bad_thresholds"] * 3,
    ]
    assert outcomes(["EUR", "JPY", "KWD", "XAU", "XXX", "eur", "EURO"], "varchar", currency=True) == [
        *("EUR", "JPY", "KWD"),
        *["bad_currency"] * 4,
    ]


def test_a_rejected_row_keeps_what_was_delivered() -> None:
    """Fails when the first column at fault is not named, or a rejected row loses a text."""
    rules = contract(column("a", "bigint"), column("b", "date"), column("c", "varchar"))
    good, rejected = cast(frame(a=["x", "1"], b=["y", "2026-01-01"], c=['é"', None]), rules)
    assert good["source_row"].to_list() == [2]
    assert rejected.select("source_file", "source_row", "reason", "column_name").rows() == [
        ("file.csv", 1, "not_a_number", "a")
    ]
    assert json.loads(rejected["payload"][0]) == {"a": "x", "b": "y", "c": 'é"'}


def test_a_text_that_may_be_no_value_goes_to_extra() -> None:
    """Fails when the bill is held up by a column nobody needs, or the odd text is lost (fault 21)."""
    rules = contract(
        column("kind", "varchar"),
        column("note", "decimal(38,18)", onInvalid="null"),
        column("fee", "decimal(38,18)", neededFor=["Fee"]),
        column("extra", "varchar"),
        neededForColumn="kind",
    )
    good, rejected = cast(
        frame(
            kind=["Fee", "Usage", "Fee", None],
            note=["?", "1", "2", "3"],
            fee=["1", "n/a", "n/a", "n/a"],
            extra=['{"z":"1"}', None, None, None],
        ),
        rules,
    )
    assert good.select("source_row", "note", "fee").rows() == [
        (1, None, Decimal(1)),
        (2, Decimal(1), None),
        (4, Decimal(3), None),
    ]
    assert good["extra"].to_list() == ['{"note":"?","z":"1"}', '{"fee":"n/a"}', '{"fee":"n/a"}']
    assert rejected.select("source_row", "column_name").rows() == [(3, "fee")]


def test_every_inbound_contract_can_cast_nothing() -> None:
    """Fails when a contract names a type or property that casting does not know."""
    for contract_id in ("aws_cur.line_items", "catalog.charge_prices", "edge.samples"):
        rules = load_contract(contract_id)
        texts = pl.DataFrame(schema=dict.fromkeys([c.name for c in rules.columns], pl.String()))
        empty = texts.with_columns(pl.lit("f").alias("source_file"), pl.lit(1, pl.Int64).alias("source_row"))
        good, rejected = cast(empty, rules)
        assert (good.height, rejected.height) == (0, 0)
        assert dict(good.schema) == rules.schema()


@given(
    st.lists(st.one_of(st.none(), st.text(alphabet="0123456789-:.TZ+e", max_size=24)), min_size=1, max_size=6),
    st.sampled_from(["timestamp", "decimal(38,18)"]),
)
@example(["2026-01-01T00:00:00Z", "2026-01-01T00:00:00+02:00", None, "x", "-0"], "timestamp")
@example(["1.5", "-0.0", "1e-19", None, "2E3"], "decimal(38,18)")
def test_a_text_means_the_same_however_often_it_stands(texts: list[str | None], type_: str) -> None:
    """Fails when a column that is cast once per distinct text gives a row another row's value or reason."""
    assert outcomes(texts * 5, type_) == [each for text in texts for each in outcomes([text], type_)] * 5
