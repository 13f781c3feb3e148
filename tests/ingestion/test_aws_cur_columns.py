"""AWS lines under any header: spellings, unknown and missing columns, tags and other maps."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from aws_cur_inbox import (
    CONTRACT,
    LINE,
    batches,
    csv_bytes,
    gz,
    legacy,
    line,
    load,
    loaded,
    parquet,
    refusal,
    snake_line,
    the_one,
    total,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.sources.bill_columns import canonical, plan, squashed


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


ODD_NAMES = ["source_row", "source_file", "row of the batch", "*", "^.*$", "", "extra", "delivery_id", "billing_period"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_an_unknown_column_may_have_any_name(kind: str, tmp_path: Path) -> None:
    """Fails when a name that is one of ours, or a pattern to a library, ends the landing or reaches others (16)."""
    odd = dict.fromkeys(ODD_NAMES, "odd")
    content = csv_bytes([LINE | odd]) if kind == "csv" else parquet(pa.table({k: [v] for k, v in (LINE | odd).items()}))
    good, rejected = loaded(tmp_path, content, f"x.{kind}")
    kept = {f"delivered {name}" if name.startswith("source_") else name: "odd" for name in ODD_NAMES}
    assert json.loads(good["extra"][0]) == kept
    assert (good.height, rejected.height) == (1, 0)
    assert good["source_row"].to_list() == [1]


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


def test_files_of_one_delivery_may_have_different_columns(tmp_path: Path) -> None:
    """Fails when the header of a delivery's first file is taken for all."""
    one, two = line(**{"product/vcpu": "2"}), dict(reversed(line(unblendedcost="5").items()))
    legacy(tmp_path, {"1.csv.gz": gz(csv_bytes([one])), "2.csv.gz": gz(csv_bytes([two]))})
    good, _ = load(tmp_path)
    assert good["product"].to_list() == ['{"vcpu":"2"}', None]
    assert str(total(good).normalize()) == "5.1"
