"""FOCUS rows: columns, values and maps in the spellings providers use, and which row is quarantined for what."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aws_cur_inbox import gz, zipped
from focus_inbox import (
    CONTRACT,
    ROW,
    azure_run,
    csv_bytes,
    find,
    load,
    loaded,
    manual,
    read,
    refusal,
    row,
    the_one,
    total,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.deliveries import Refused
from ingestion.sources import focus
from ingestion.storage import open_storage

JANUARY = datetime(2026, 1, 1)


def parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="snappy")
    return sink.getvalue()


def judged(rejected: pl.DataFrame) -> list[tuple[int, str, str]]:
    return rejected.select("source_row", "reason", "column_name").rows()


def test_every_column_of_the_specification_has_its_place(tmp_path: Path) -> None:
    """Fails when a FOCUS column lands in `extra`, under its own or any other spelling (fault 18)."""
    aliases = [alias for column in CONTRACT.columns for alias in column.aliases]
    assert len(aliases) == len(set(aliases)) == 57
    for spelled in (
        str,
        str.lower,
        str.upper,
        lambda name: next(c.name for c in CONTRACT.columns if name in c.aliases),
    ):
        texts = {spelled(name): ROW.get(name, "") for name in aliases}
        good, rejected = loaded(tmp_path / repr(spelled)[-14:-1], csv_bytes([texts]))
        assert (good.height, rejected.height, good["extra"].to_list()) == (1, 0, [None])
        assert good["billing_account_id"].to_list() == ["000123"]


def test_the_order_of_columns_means_nothing(tmp_path: Path) -> None:
    """Fails when columns are taken by place (fault 19)."""
    rows = [row(BilledCost="3", ServiceName="one"), row(BilledCost="4", ServiceName="two")]
    there, _ = loaded(tmp_path / "a", csv_bytes(rows))
    back, _ = loaded(tmp_path / "b", csv_bytes(rows, list(reversed(rows[0]))))
    assert there.equals(back)


def test_columns_the_contract_does_not_know_are_kept_and_reported(tmp_path: Path) -> None:
    """Fails when a provider's x_ columns are dropped, or their values stand in the message (faults 16, 34)."""
    manual(tmp_path, {"x.csv": csv_bytes([row(x_Discount="secret", **{"*": "NULL", "x_null": "NULL"})])})
    (batch, *more) = [rows for rows in focus.read(open_storage(tmp_path), the_one(tmp_path), CONTRACT) if rows.messages]
    assert not more and "x_Discount" in batch.messages[0] and "secret" not in batch.messages[0]
    good, _ = read(tmp_path, the_one(tmp_path))
    assert [json.loads(text) for text in good["extra"]] == [{"x_Discount": "secret"}]


@pytest.mark.parametrize("name", ["BilledCost", "BillingAccountId", "BillingCurrency", "BillingPeriodStart"])
def test_a_missing_mandatory_column_refuses_the_delivery(name: str, tmp_path: Path) -> None:
    """Fails when a mandatory column is invented, or the message names neither it nor what to do (fault 17)."""
    rows = [{key: text for key, text in ROW.items() if key != name}]
    message = refusal(tmp_path, csv_bytes(rows))
    for part in ("x.csv", name, "focus.line_items 1.0.0", "deliver the month again"):
        assert part in message


def test_costs_that_were_not_delivered_are_null(tmp_path: Path) -> None:
    """Fails when an effective, list or contracted cost is made of the billed one (fault 17)."""
    good, _ = loaded(tmp_path, csv_bytes([row()]))
    assert good.select("effective_cost", "list_cost", "contracted_cost", "tags").row(0) == (None,) * 4


@pytest.mark.parametrize("pair", [("Tags", "tags"), ("BilledCost", "billed_cost"), ("SkuPriceId", "SkuPriceid")])
def test_two_columns_that_mean_the_same_refuse_the_delivery(pair: tuple[str, str], tmp_path: Path) -> None:
    """Fails when one of two columns of one meaning is taken (fault 20)."""
    message = refusal(tmp_path, csv_bytes([row(**dict.fromkeys(pair, "1"))]))
    assert all(repr(name) in message for name in pair) and "has the column once" in message


def test_the_texts_of_a_missing_value_are_none(tmp_path: Path) -> None:
    """Fails when NULL or null, bare or quoted, lands as a text, is a number, or hides that a value is missing."""
    rows = [row(ServiceName=text, ListCost=text, Tags=text) for text in ("NULL", "null", "")]
    bare = csv_bytes(rows)
    good, rejected = loaded(tmp_path / "bare", bare)
    assert rejected.is_empty()
    assert good.select("service_name", "list_cost", "tags", "extra").unique().rows() == [(None,) * 4]
    quoted, _ = loaded(tmp_path / "quoted", bare.replace(b"NULL", b'"NULL"'))
    assert quoted.equals(good)
    good, rejected = loaded(
        tmp_path / "required", csv_bytes([row(BilledCost="NULL", ServiceName="x"), row(ServiceName="Null")])
    )
    assert judged(rejected) == [(1, "missing_required", "billed_cost")]
    assert good["service_name"].to_list() == ["Null"]


def test_blanks_around_numbers_are_tolerated_and_nothing_else_is(tmp_path: Path) -> None:
    """Fails when an amount is guessed, rounded or dropped, or an id loses a blank (faults 22, 23, 28)."""
    fine = ["0.00 ", " 2.5", "2.323760000E-9", "-7"]
    wrong = ["$1.00", "1,234.56", "1_000", "１２", "NaN", "-Infinity", "1e400", "0.1234567890123456789", " "]
    good, rejected = loaded(tmp_path, csv_bytes([row(BilledCost=text, ResourceId=" a ") for text in fine + wrong]))
    assert [str(cost.normalize()) for cost in good["billed_cost"]] == ["0", "2.5", "2.32376E-9", "-7"]
    assert set(good["resource_id"]) == {" a "}
    assert [reason for _, reason, _ in judged(rejected)] == [
        *["not_a_number"] * 4,
        *["not_finite"] * 3,
        "too_many_digits",
        "missing_required",
    ]
    assert json.loads(rejected["payload"][0])["billed_cost"] == "$1.00"


def test_a_price_that_is_no_number_is_kept_aside(tmp_path: Path) -> None:
    """Fails when a text where a unit price belongs costs the row, or an amount that is counted passes (fault 21)."""
    rows = [row(ListUnitPrice="tiered", CommitmentDiscountQuantity="n/a"), row(EffectiveCost="x")]
    good, rejected = loaded(
        tmp_path,
        csv_bytes([row(ListUnitPrice="", CommitmentDiscountQuantity="", EffectiveCost="") | one for one in rows]),
    )
    assert json.loads(good["extra"][0]) == {"commitment_discount_quantity": "n/a", "list_unit_price": "tiered"}
    assert judged(rejected) == [(2, "not_a_number", "effective_cost")]


def test_instants_are_iso_8601_in_utc(tmp_path: Path) -> None:
    """Fails when an instant without zone or seconds is refused, or a zone is ignored (fault 24)."""
    fine = ["2026-01-01T00:00:00Z", "2026-01-01 00:00:00", "2026-01-01T00:00:00", "2026-01-01T00:00Z"]
    fine += ["2026-01-01 00:00", "2026-01-01T01:00+01:00", "2025-12-31T19:00:00-05:00", "2026-01-01T00:00:00.000Z"]
    good, rejected = loaded(tmp_path, csv_bytes([row(ChargePeriodStart=text) for text in fine]))
    assert rejected.is_empty() and good["charge_period_start"].to_list() == [JANUARY] * len(fine)


@pytest.mark.parametrize("column", ["ChargePeriodStart", "ChargePeriodEnd", "BillingPeriodStart", "BillingPeriodEnd"])
def test_what_is_no_instant_is_never_guessed(column: str, tmp_path: Path) -> None:
    """Fails when a day of one country's spelling, or one that no calendar has, is read as some day (fault 24)."""
    impossible = ["2023-02-01T30:00:00Z", "2026-02-30T00:00:00Z", "2026-13-01T00:00Z", "0000-01-01T00:00:00Z"]
    foreign = ["4/1/25", "01/02/2026 00:00", "infinity", "epoch", "2026-01-01", "1767225600", "2026-01-01T00:00:00 UTC"]
    good, rejected = loaded(tmp_path, csv_bytes([row(**{column: text}) for text in impossible + foreign]))
    assert good.is_empty()
    assert rejected["reason"].to_list() == ["bad_timestamp"] * 4 + ["no_iso_8601_instant"] * 7
    assert rejected["column_name"].n_unique() == 1


def test_charge_categories_are_those_of_focus(tmp_path: Path) -> None:
    """Fails when a category nobody prices is loaded, or one of FOCUS is not (faults 29, 30)."""
    fine = ["Usage", "Purchase", "Tax", "Credit", "Adjustment"]
    rows = [row(ChargeCategory=text, BilledCost="-1") for text in [*fine, "usage", "Refund", ""]]
    good, rejected = loaded(tmp_path, csv_bytes(rows))
    assert (good["charge_category"].to_list(), total(good)) == (fine, Decimal(-5))
    assert [reason for _, reason, _ in judged(rejected)] == ["not_allowed", "not_allowed", "missing_required"]


def test_currencies_stay_apart_and_none_is_guessed(tmp_path: Path) -> None:
    """Fails when a row without a currency, or in a provider's own, is loaded (fault 33)."""
    rows = [row(BillingCurrency=code) for code in ("USD", "JPY", "", "Token", "XAU", "usd")]
    good, rejected = loaded(tmp_path, csv_bytes(rows))
    assert good["billing_currency"].to_list() == ["USD", "JPY"]
    assert rejected["reason"].to_list() == ["missing_required", *["bad_currency"] * 3]


def test_a_row_of_another_month_is_kept_apart_and_charge_periods_are_free(tmp_path: Path) -> None:
    """Fails when a row of another billing period counts in this one, or when it was used matters (fault 32)."""
    rows = [
        row(ChargePeriodStart="2025-12-31T23:00:00Z"),
        row(BillingPeriodStart="2025-12-01T00:00:00Z", BilledCost="9"),
    ]
    good, rejected = loaded(tmp_path, csv_bytes(rows))
    assert good["source_row"].to_list() == [1]
    assert judged(rejected) == [(2, "other_period", "billing_period_start")]
    assert json.loads(rejected["payload"][0])["billed_cost"] == "9"


def test_tags_are_json_however_they_come(tmp_path: Path) -> None:
    """Fails when tags as JSON text, map or struct land differently, or lose their case or their text (fault 20)."""
    tags = {"Name": 'Ünï "x"', "name": "b", "empty": ""}
    sorted_text = '{"Name":"Ünï \\"x\\"","name":"b"}'
    base = dict(ROW) | {"BillingPeriodStart": JANUARY.replace(tzinfo=UTC), "BilledCost": 0.1}
    columns = {name: pa.array([value]) for name, value in base.items()}
    as_map = pa.array([list(tags.items())], pa.map_(pa.string(), pa.string()))
    seen = {
        "text": loaded(tmp_path / "text", csv_bytes([row(Tags=json.dumps(tags))]))[0],
        "map": loaded(tmp_path / "map", parquet(pa.table(columns | {"Tags": as_map})), "x.snappy.parquet")[0],
        "struct": loaded(tmp_path / "struct", parquet(pa.table(columns | {"tags": pa.array([tags])})), "x.parquet")[0],
        "json": loaded(tmp_path / "json", parquet(pa.table(columns | {"Tags": [json.dumps(tags)]})), "x.parquet")[0],
    }
    for way, good in seen.items():
        assert good["tags"].to_list() == [sorted_text], way
        assert good.drop("source_file").equals(seen["text"].drop("source_file")), way


def test_tags_that_are_none_stay_readable(tmp_path: Path) -> None:
    """Fails when a text that is no JSON object costs the row, or is lost (fault 21)."""
    texts = ["team: a", "[1]", '{"a": 1, "a": 2}', '{"n": 1.50, "list": ["é"], "none": null, "yes": true}']
    good, rejected = loaded(tmp_path, csv_bytes([row(Tags=text, SkuPriceDetails=text) for text in texts]))
    assert rejected.is_empty()
    fine = '{"list":"[\\"é\\"]","n":"1.50","yes":"true"}'
    assert good["tags"].to_list() == good["sku_price_details"].to_list() == [None, None, None, fine]
    assert [json.loads(text)["tags"] for text in good["extra"].drop_nulls()] == texts[:3]


def test_parquet_and_csv_of_the_same_rows_are_the_same_rows(tmp_path: Path) -> None:
    """Fails when a month comes as Parquet where another was CSV, and a row lands otherwise (fault 21)."""
    rows = [row(BilledCost=f"{n}.25", ListCost="NULL", Tags=json.dumps({"n": str(n)}), x_Own=f"{n}") for n in range(40)]
    typed = [
        one | {"BilledCost": Decimal(one["BilledCost"]), "BillingPeriodStart": JANUARY, "ListCost": None}
        for one in rows
    ]
    doubles = [one | {"BilledCost": float(one["BilledCost"])} for one in typed]
    text, _ = loaded(tmp_path / "csv", csv_bytes(rows))
    assert text.height == 40
    for name, table in (("decimal", typed), ("double", doubles), ("text", rows)):
        good, rejected = loaded(tmp_path / name, parquet(pa.Table.from_pylist(table)), "x.snappy.parquet")
        assert rejected.is_empty() and good.drop("source_file").equals(text.drop("source_file")), name


def test_compressions_and_encodings_read_the_same(tmp_path: Path) -> None:
    """Fails when a zip, a gzip, a byte-order mark or UTF-16 changes a row (faults 25, 26)."""
    data = csv_bytes([row(ServiceName="Ünï"), row(BilledCost="2")])
    files = {
        "x.csv": data,
        "bom.csv": b"\xef\xbb\xbf" + data,
        "wide.csv": data.decode().encode("utf-16"),
        "x.csv.gz": gz(data),
        "x.csv.zip": zipped({"a.csv": data}),
    }
    seen = [loaded(tmp_path / name, content, name)[0].drop("source_file") for name, content in files.items()]
    assert seen[0].height == 2 and all(frame.equals(seen[0]) for frame in seen)


WHOLE = csv_bytes([row()] * 500)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("page.csv", b"<!DOCTYPE html><html><body>Access denied</body></html>"),
        ("other.csv", b"SubscriptionId,CostInBillingCurrency\n1,2\n"),
        ("binary.csv", bytes(range(256)) * 20),
        ("latin.csv", csv_bytes([row(ServiceName="Ü")]).decode().encode("latin-1")),
        ("cut.csv.gz", gz(WHOLE)[:-30]),
        ("flipped.csv.gz", gz(WHOLE)[:-8] + b"\0\0\0\0" + gz(WHOLE)[-4:]),
        ("cut.csv.zip", zipped({"a.csv": WHOLE})[:-40]),
        ("plain.csv.gz", WHOLE),
        ("csv.parquet", WHOLE),
        ("cut.parquet", parquet(pa.Table.from_pylist([ROW]))[:-20]),
        ("quote.csv", WHOLE + b'"'),
        ("twice.csv", b"BilledCost,BilledCost\n1,2\n"),
        ("empty.csv", b""),
    ],
    ids=lambda given: given if isinstance(given, str) else "",  # not their bytes: an archive's have the time in them
)
def test_a_file_that_is_none_of_ours_refuses_the_delivery(name: str, data: bytes, tmp_path: Path) -> None:
    """Fails when a damaged or foreign file is read as far as it goes (faults 7, 8, 9, 10, 26)."""
    azure_run(tmp_path, {name: data}, "run", "2026-02-02T03:00:00Z")
    with pytest.raises(Refused, match=name.replace(".", r"\.")):
        load(tmp_path)


def test_ragged_rows_are_quarantined_beside_the_rest(tmp_path: Path) -> None:
    """Fails when a row of too few or too many fields shifts its values (fault 27)."""
    good, rejected = loaded(tmp_path, csv_bytes([row()]) + b"1,2\n" + csv_bytes([row()]).split(b"\n")[1] + b",more\n")
    assert good["source_row"].to_list() == [1]
    assert rejected["reason"].to_list() == ["wrong_number_of_columns"] * 2


@given(data=st.binary(max_size=300))
@settings(max_examples=40, deadline=None)
def test_no_bytes_break_the_reader(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Fails when foreign bytes end in anything but a refusal, also behind a known magic (fault 10)."""
    inbox = tmp_path_factory.mktemp("inbox")
    for name, content in (("x.csv", data), ("x.gz", b"\x1f\x8b" + data), ("x.parquet", b"PAR1" + data)):
        manual(inbox, {name: content}, provider=name)
    for found in find(inbox):
        if found.status == "complete":
            with pytest.raises(Refused):
                read(inbox, found)
        else:
            assert found.status == "held"
