"""What becomes of an AWS delivery's lines: spellings, maps, numbers, and what is refused or quarantined."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aws_cur_inbox import (
    CONTRACT,
    LINE,
    PAYER,
    batches,
    csv_bytes,
    find,
    gz,
    legacy,
    line,
    load,
    manual,
    read,
    the_one,
    total,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.deliveries import Refused
from ingestion.sources.aws_cur_columns import canonical, plan, squashed
from ingestion.storage import open_storage

SNAKE = {
    "lineItem/UnblendedCost": "line_item_unblended_cost",
    "resourceTags/user:Name": "resource_tags_user_name",
}


def loaded(inbox: Path, data: bytes, name: str = "x.csv") -> tuple[pl.DataFrame, pl.DataFrame]:
    manual(inbox, {name: data})
    return load(inbox)


def refusal(inbox: Path, data: bytes, name: str = "x.csv") -> str:
    manual(inbox, {name: data})
    with pytest.raises(Refused) as refused:
        load(inbox)
    return str(refused.value)


def parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def snake_line(**changes: object) -> dict[str, object]:
    """The legacy test line under CUR 2.0 names."""
    names = {squashed(alias): column.name for column in CONTRACT.columns for alias in [*column.aliases, column.name]}
    return {names[squashed(name)]: value for name, value in LINE.items()} | changes


def test_every_spelling_of_a_column_is_the_same_column(tmp_path: Path) -> None:
    """Fails when a renamed column or another case is lost or mistaken (fault 18)."""
    spellings = [
        LINE,
        snake_line(),
        {name.upper(): value for name, value in LINE.items()},
        {name.replace("/", ""): value for name, value in snake_line().items()},
        {
            name.replace("lineItem/", "line_item_").replace("UnblendedCost", "unblendedCOST"): v
            for name, v in LINE.items()
        },
    ]
    seen = [loaded(tmp_path / str(i), csv_bytes([row]))[0].drop("source_file") for i, row in enumerate(spellings)]  # type: ignore[list-item]
    assert all(frame.equals(seen[0]) for frame in seen)
    assert str(seen[0]["line_item_unblended_cost"][0].normalize()) == "0.1"


def test_no_two_contract_columns_share_a_loose_name() -> None:
    """Fails when a new alias would make a delivered column mean two things."""
    owners: dict[str, set[str]] = {}
    for column in CONTRACT.columns:
        for name in (column.name, *column.aliases):
            owners.setdefault(squashed(name), set()).add(column.name)
    assert {name: columns for name, columns in owners.items() if len(columns) > 1} == {}


@given(order=st.permutations(range(len(LINE) + 4)))
@settings(max_examples=30, deadline=None)
def test_the_order_of_columns_means_nothing(order: list[int]) -> None:
    """Fails when a column is read by its place (fault 19)."""
    row = line(**{"resourceTags/user:B": "1", "resourceTags/user:A": "2", "product/vcpu": "4", "zzz": "5"})
    frame = pl.DataFrame([row])
    other = frame.select([frame.columns[position] for position in order])
    one, two = (canonical(f, plan(f.columns, CONTRACT, "x"), CONTRACT) for f in (frame, other))
    assert one.equals(two)


@given(order=st.permutations(range(12)), cuts=st.integers(1, 4), level=st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_shuffled_and_recompressed_rows_have_the_same_totals(
    order: list[int], cuts: int, level: int, tmp_path_factory
) -> None:
    """Fails when a delivery written again in another order, cut and compression sums differently (fault 2)."""
    inbox = tmp_path_factory.mktemp("inbox")
    costs = ["0.1", "-7.0E-10", "123456789.123456789012345678", "3e-18", "-1", "1E+3", "2", "0", "5", "6", "7", "8"]
    rows = [line(unblendedcost=costs[position]) for position in order]
    files = {f"{i}.csv.gz": gz(csv_bytes(rows[i::cuts]), level) for i in range(cuts)}
    legacy(inbox, files)
    good, rejected = load(inbox)
    assert (good.height, rejected.height) == (12, 0)
    assert total(good) == sum(map(Decimal, costs))


def test_columns_the_contract_does_not_know_are_kept_and_reported(tmp_path: Path) -> None:
    """Fails when an added column is lost, stops the load, or is reported with its values (faults 16, 34)."""
    rows = [line(**{"lineItem/NewThing": "secret-1", "noTags/user:app": "secret-2", "year": ""})] * 3
    legacy(tmp_path, {"1.csv.gz": gz(csv_bytes(rows)), "2.csv.gz": gz(csv_bytes(rows))})
    good, _ = load(tmp_path)
    assert json.loads(good["extra"][0]) == {"line_item_new_thing": "secret-1", "noTags/user:app": "secret-2"}
    (message,) = [text for rows in batches(tmp_path, the_one(tmp_path)) for text in rows.messages]
    assert "lineItem/NewThing, noTags/user:app, year" in message and "secret" not in message


@pytest.mark.parametrize("column", [column.name for column in CONTRACT.columns if column.required])
def test_a_missing_required_column_refuses_the_delivery(column: str, tmp_path: Path) -> None:
    """Fails when a delivery without a required column is loaded, or the message does not say which (fault 17)."""
    row = {name: value for name, value in snake_line().items() if name != column}
    message = refusal(tmp_path, csv_bytes([row]))  # type: ignore[list-item]
    assert column in message and f"{CONTRACT.id} {CONTRACT.version}" in message and "x.csv" in message


def test_a_column_that_stands_twice_refuses_the_delivery(tmp_path: Path) -> None:
    """Fails when one of two columns of the same name is taken silently (fault 20)."""
    twice = csv_bytes([line()]).replace(b"identity/LineItemId", b"lineItem/UnblendedCost")
    assert "lineItem/UnblendedCost" in refusal(tmp_path / "exact", twice)
    cased = csv_bytes([line(**{"lineitem/unblendedcost": "9"})])
    message = refusal(tmp_path / "case", cased)
    assert "lineItem/UnblendedCost" in message and "lineitem/unblendedcost" in message


def test_tags_keep_their_exact_case(tmp_path: Path) -> None:
    """Fails when two tag keys that differ by case become one, or an empty tag becomes a key (fault 20)."""
    row = line(**{"resourceTags/user:Name": 'a "b"\\', "resourceTags/user:name": "c\nd", "resourceTags/user:no": ""})
    good, _ = loaded(tmp_path, csv_bytes([row]))
    assert json.loads(good["resource_tags"][0]) == {"user:Name": 'a "b"\\', "user:name": "c\nd"}


def test_maps_are_equal_however_they_are_delivered(tmp_path: Path) -> None:
    """Fails when attributes as columns, as JSON text and as a Parquet map end as different texts."""
    columns = snake_line(**{"product_vcpu": "4", "product_to_location": "", "product_memory_gib": '8 "GiB"'})
    text = snake_line(product='{"vcpu":"4","to_location":"","memory_gib":"8 \\"GiB\\""}')
    map_type = pa.map_(pa.string(), pa.string())
    pairs = [("vcpu", "4"), ("to_location", ""), ("memory_gib", '8 "GiB"'), ("nothing", None)]
    table = pa.Table.from_pylist([snake_line()]).append_column("product", pa.array([pairs], map_type))
    legacy_row = line(**{"product/vcpu": "4", "product/memoryGib": '8 "GiB"'})
    files = [csv_bytes([columns]), csv_bytes([text]), parquet(table), csv_bytes([legacy_row])]  # type: ignore[list-item]
    products = [loaded(tmp_path / str(i), data, f"x{i}")[0]["product"][0] for i, data in enumerate(files)]
    assert products == ['{"memory_gib":"8 \\"GiB\\"","vcpu":"4"}'] * 4


def test_columns_are_taken_out_of_a_map_where_the_export_has_no_such_column(tmp_path: Path) -> None:
    """Fails when a service's name or region stays hidden in the product map of CUR 2.0."""
    product = '{"product_name":"Amazon EC2","region":"eu-west-1","sku":"S"}'
    good, _ = loaded(tmp_path / "absent", csv_bytes([snake_line(product=product)]))  # type: ignore[list-item]
    row = good.row(0, named=True)
    assert (row["product_product_name"], row["product_region_code"], row["product"]) == (
        "Amazon EC2",
        "eu-west-1",
        '{"sku":"S"}',
    )
    present = snake_line(product=product, product_region_code="eu-central-1")
    row = loaded(tmp_path / "present", csv_bytes([present]))[0].row(0, named=True)  # type: ignore[list-item]
    assert (row["product_region_code"], json.loads(row["product"])["region"]) == ("eu-central-1", "eu-west-1")


def test_a_map_that_is_no_json_is_kept_as_it_is(tmp_path: Path) -> None:
    """Fails when a broken map loses its text or the line."""
    rows = [snake_line(resource_tags=text) for text in ("{'a': 1}", '{"a":"1","a":"2"}', "[1]", "{}", '{"a":1.50}')]
    good, rejected = loaded(tmp_path, csv_bytes(rows))  # type: ignore[arg-type]
    assert rejected.is_empty()
    assert good["resource_tags"].to_list() == [None, None, None, None, '{"a":"1.50"}']
    kept = [text and json.loads(text)["resource_tags"] for text in good["extra"]]
    assert kept == ["{'a': 1}", '{"a":"1","a":"2"}', "[1]", None, None]


def test_a_text_in_a_number_a_line_does_not_need_quarantines_nothing(tmp_path: Path) -> None:
    """Fails when `None` or a shifted column stops a line that does not need it, or one that does passes (fault 21)."""
    plan_cost, list_cost = "savingsPlan/SavingsPlanEffectiveCost", "pricing/publicOnDemandCost"
    rows = [
        line(**{plan_cost: "None", list_cost: "convertible"}),
        line(lineitemtype="SavingsPlanCoveredUsage", **{plan_cost: "None", list_cost: "1"}),
        line(lineitemtype="SavingsPlanCoveredUsage", **{plan_cost: "0.5", list_cost: "NaN"}),
    ]
    good, rejected = loaded(tmp_path, csv_bytes(rows))
    assert good["source_row"].to_list() == [1, 3]
    assert [json.loads(text) for text in good["extra"]] == [
        {"pricing_public_on_demand_cost": "convertible", "savings_plan_savings_plan_effective_cost": "None"},
        {"pricing_public_on_demand_cost": "NaN"},
    ]
    assert rejected.select("source_row", "reason", "column_name").rows() == [
        (2, "not_a_number", "savings_plan_savings_plan_effective_cost")
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("NaN", "not_finite"),
        ("-Infinity", "not_finite"),
        ("1e400", "not_finite"),
        ("1,234.56", "not_a_number"),
        ("1_000", "not_a_number"),
        ("１２", "not_a_number"),
        (" 1", "not_a_number"),
        ("0.1234567890123456789", "too_many_digits"),
        ("1e30", "too_many_digits"),
        ("", "missing_required"),
    ],
)
def test_a_cost_that_is_no_exact_number_is_quarantined(text: str, reason: str, tmp_path: Path) -> None:
    """Fails when an amount is guessed, rounded or dropped (faults 22, 23)."""
    good, rejected = loaded(tmp_path, csv_bytes([line(), line(unblendedcost=text)]))
    assert good["source_row"].to_list() == [1]
    assert rejected.select("source_row", "reason", "column_name").rows() == [(2, reason, "line_item_unblended_cost")]
    assert rejected["source_file"].unique().to_list() == good["source_file"].unique().to_list()


def test_doubles_become_their_shortest_text(tmp_path: Path) -> None:
    """Fails when a Parquet double lands as its binary expansion, or lands without being a number (faults 21, 22)."""
    costs = [0.1, 1e-7, -7e-10, 1e16, 12345.678901234567, 1.2345678901234567e-05, 4e-19, float("nan"), float("inf")]
    table = pa.Table.from_pylist([snake_line(line_item_unblended_cost=cost) for cost in costs])
    good, rejected = loaded(tmp_path, parquet(table), "x.parquet")
    texts = [format(cost, "f") for cost in good["line_item_unblended_cost"]]
    assert [text.rstrip("0").rstrip(".") for text in texts] == [
        "0.1",
        "0.0000001",
        "-0.0000000007",
        "10000000000000000",
        "12345.678901234567",
        "0.000012345678901235",
        "0",
    ]
    assert [text and json.loads(text)["line_item_unblended_cost"] for text in good["extra"]] == [
        *[None] * 5,
        "0.000012345678901234568",
        "4e-19",
    ]
    assert rejected["reason"].to_list() == ["not_finite", "not_finite"]


def test_parquet_of_other_types_reads_the_same(tmp_path: Path) -> None:
    """Fails when a month comes with decimals, dates or integers where another had texts (fault 21)."""
    row = snake_line(
        line_item_unblended_cost=Decimal("0.10"),
        line_item_usage_amount=1,
        bill_billing_period_start_date=datetime(2026, 1, 1, tzinfo=UTC),
    )
    good, _ = loaded(tmp_path / "a", parquet(pa.Table.from_pylist([row])), "x.parquet")
    text, _ = loaded(tmp_path / "b", csv_bytes([LINE]))
    assert good.drop("source_file").equals(text.drop("source_file"))


def test_dates_are_strict_and_other_zones_become_utc(tmp_path: Path) -> None:
    """Fails when a date is guessed, or a zone is ignored (fault 24)."""
    fine = ["2026-01-05T00:00:00Z", "2026-01-05 00:00:00", "2026-01-05 01:00:00+01:00", "2026-01-05T00:00:00.000Z"]
    wrong = ["2026-02-30T00:00:00Z", "05/01/2026", "infinity", "epoch", "2026-01-05T24:00:01Z"]
    good, rejected = loaded(tmp_path, csv_bytes([line(usagestartdate=text) for text in fine + wrong]))
    assert good["line_item_usage_start_date"].n_unique() == 1 and good.height == len(fine)
    assert rejected["reason"].to_list() == ["bad_timestamp"] * len(wrong)


def test_account_ids_stay_text(tmp_path: Path) -> None:
    """Fails when a leading zero of an account is lost (fault 28)."""
    good, _ = loaded(tmp_path, csv_bytes([line()]))
    assert good.select("bill_payer_account_id", "line_item_usage_account_id").row(0) == (PAYER, "000000000042")


def test_negative_lines_load(tmp_path: Path) -> None:
    """Fails when a credit, a refund or a negation is refused for its sign (fault 29)."""
    kinds = ["Credit", "Refund", "SavingsPlanNegation", "EdpDiscount"]
    good, rejected = loaded(tmp_path, csv_bytes([line(lineitemtype=kind, unblendedcost="-1.5") for kind in kinds]))
    assert rejected.is_empty() and total(good) == Decimal("-6.0")


def test_a_line_of_another_month_is_quarantined_and_usage_dates_are_free(tmp_path: Path) -> None:
    """Fails when a line of another billing period counts in this one, or usage dates matter (fault 32)."""
    rows = [line(usagestartdate="2025-12-31T23:00:00Z"), line(billingperiodstartdate="2025-12-01T00:00:00Z")]
    good, rejected = loaded(tmp_path, csv_bytes(rows))
    assert good["source_row"].to_list() == [1]
    assert rejected.select("source_row", "reason", "column_name").rows() == [
        (2, "other_period", "bill_billing_period_start_date")
    ]
    assert json.loads(rejected["payload"][0])["line_item_unblended_cost"] == "0.10"


def test_a_line_of_another_payer_is_quarantined(tmp_path: Path) -> None:
    """Fails when a stray payer's line is billed with this payer's."""
    good, rejected = loaded(tmp_path, csv_bytes([line(), line(payeraccountid="999")]))
    assert (good.height, rejected["reason"].to_list()) == (1, ["other_payer"])


def test_currencies_stay_apart_and_none_is_guessed(tmp_path: Path) -> None:
    """Fails when a line without a currency, or with one ISO 4217 cannot round, is loaded (fault 33)."""
    rows = [line(currencycode=code) for code in ("USD", "EUR", "", "MC", "XAU", "usd")]
    good, rejected = loaded(tmp_path, csv_bytes(rows))
    assert good["line_item_currency_code"].to_list() == ["USD", "EUR"]
    assert rejected["reason"].to_list() == ["missing_required", "bad_currency", "bad_currency", "bad_currency"]


def test_files_of_one_delivery_may_have_different_columns(tmp_path: Path) -> None:
    """Fails when the header of a delivery's first file is taken for all."""
    one, two = line(**{"product/vcpu": "2"}), dict(reversed(line(unblendedcost="5").items()))
    legacy(tmp_path, {"1.csv.gz": gz(csv_bytes([one])), "2.csv.gz": gz(csv_bytes([two]))})
    good, _ = load(tmp_path)
    assert good["product"].to_list() == ['{"vcpu":"2"}', None]
    assert str(total(good).normalize()) == "5.1"


def zipped(members: dict[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return sink.getvalue()


def test_zipped_and_gzipped_and_plain_files_read_the_same(tmp_path: Path) -> None:
    """Fails when one of the producer's compressions is misread."""
    data = csv_bytes([line(), line(unblendedcost="2")])
    files = {"x.csv": data, "x.csv.gz": gz(data), "x.csv.zip": zipped({"a.csv": data})}
    seen = [loaded(tmp_path / name, content, name)[0].drop("source_file") for name, content in files.items()]
    assert seen[0].height == 2 and all(frame.equals(seen[0]) for frame in seen)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("page.csv", b"<!DOCTYPE html><html><body>Access denied</body></html>"),
        ("error.csv.gz", b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"),
        ("other.csv", b"SubscriptionId,CostInBillingCurrency\n1,2\n"),
        ("binary.csv", bytes(range(256)) * 20),
        ("cut.csv.gz", gz(csv_bytes([line()] * 500))[:-30]),
        ("flipped.csv.gz", gz(csv_bytes([line()] * 5))[:-8] + b"\0\0\0\0" + gz(csv_bytes([line()] * 5))[-4:]),
        ("cut.csv.zip", zipped({"a.csv": csv_bytes([line()] * 500)})[:-40]),
        ("cut.parquet", parquet(pa.Table.from_pylist([snake_line()]))[:-20]),
        ("empty.csv", b""),
        ("short.csv", b"\n"),
    ],
)
def test_a_file_that_is_none_of_ours_refuses_the_delivery(name: str, data: bytes, tmp_path: Path) -> None:
    """Fails when a damaged or foreign file is read as far as it goes (faults 7, 8, 9, 10)."""
    legacy(tmp_path, {name: data})
    with pytest.raises(Refused, match=name.replace(".", r"\.")):
        load(tmp_path)


@given(data=st.binary(max_size=400))
@settings(max_examples=60, deadline=None)
def test_no_bytes_break_the_reader(data: bytes, tmp_path_factory) -> None:
    """Fails when foreign bytes end in anything but a refusal, also behind a known magic (fault 10)."""
    inbox = tmp_path_factory.mktemp("inbox")
    for name, content in (("raw.csv", data), ("raw.csv.gz", b"\x1f\x8b" + data), ("raw.parquet", b"PAR1" + data)):
        legacy(inbox, {name: content})
        with pytest.raises(Refused):
            read(inbox, the_one(inbox))


def test_a_file_changed_after_it_was_found_is_not_read(tmp_path: Path) -> None:
    """Fails when the bytes of one delivery are mixed with those of the next (fault 15)."""
    manual(tmp_path, {"x.csv": csv_bytes([line()])})
    found = the_one(tmp_path)
    (tmp_path / found.files[0].key).write_bytes(csv_bytes([line(unblendedcost="9")] * 2))
    with pytest.raises(Exception, match="changed after it was listed"):
        read(tmp_path, found)


def test_names_may_hold_any_character(tmp_path: Path) -> None:
    """Fails when a quote, a new line or a letter beyond ASCII in a name breaks finding or reading (fault 14)."""
    legacy(tmp_path, {'it\'s "a";--\n é.csv': csv_bytes([line()])}, report="dé;'ly")
    good, _ = load(tmp_path)
    assert good["source_file"][0].endswith('it\'s "a";--\n é.csv')


def test_the_inbox_may_be_listed_again(tmp_path: Path) -> None:
    """Fails when finding twice gives two answers."""
    legacy(tmp_path, {"x.csv": csv_bytes([line()])})
    assert find(tmp_path) == find(open_storage(tmp_path))
