"""The builder writes what producers write."""

import gzip
import json
import sqlite3
from decimal import Decimal

import polars as pl
import pytest

from ingestion.contracts import TECHNICAL_COLUMNS, load_contract
from samples.catalog_files import CATALOG_COLUMNS
from samples.cur_columns import LEGACY_CSV, LEGACY_PARQUET, NUMBERS, TIMESTAMPS
from tests.worlds.builder import World, line, reservation, sample
from tests.worlds.truth_comparison import compare

PAYER = "000123456789"


def test_the_three_spellings_tell_the_same_bill(tmp_path):
    """Fails when a spelling loses a line, a cost or the zeros of an account id."""
    lines = [
        line(cost="1.25", tags={"user:CostCenter": "a"}),
        line(type="DiscountedUsage", ri=reservation("222222222222"), ri_effective="0.06", cost="0"),
    ]
    world = World(tmp_path)
    for spelling in ("csv", "parquet", "cur2"):
        world.cur(PAYER, "2026-01", lines, spelling=spelling)
    legacy, parquet, export = (next(folder.glob("*-00001.*")) for folder in world.written)
    frames = [
        pl.read_csv(gzip.decompress(legacy.read_bytes()), infer_schema=False),
        pl.read_parquet(parquet),
        pl.read_csv(gzip.decompress(export.read_bytes()), infer_schema=False),
    ]
    named = [
        frame[column].to_list()
        for frame, column in zip(
            frames, ("lineItem/UnblendedCost", "line_item_unblended_cost", "line_item_unblended_cost"), strict=True
        )
    ]
    assert [[Decimal(str(value)) for value in values] for values in named] == [[Decimal("1.25"), Decimal(0)]] * 3
    assert frames[0]["bill/PayerAccountId"].to_list() == frames[1]["bill_payer_account_id"].to_list() == [PAYER] * 2
    assert frames[0]["resourceTags/user:CostCenter"].to_list() == ["a", None]
    assert frames[1]["resource_tags_user_cost_center"].to_list() == ["a", None]
    assert json.loads(frames[2]["resource_tags"][0]) == {"user_cost_center": "a"}


def test_every_column_written_is_one_the_contract_knows():
    """Fails when the writers spell a column as the contract does not."""
    contract = load_contract("aws_cur.line_items")
    known = {name: column for column in contract.columns for name in (column.name, *column.aliases)}
    for name, heading in LEGACY_CSV.items():
        assert known[name] is known[heading] is known[LEGACY_PARQUET.get(name, name)], name
        assert known[name].type.startswith("decimal") == (name in NUMBERS), name
        assert (known[name].type == "timestamp") == (name in TIMESTAMPS), name


@pytest.mark.parametrize("table", CATALOG_COLUMNS)
def test_catalog_tables_have_the_contract_s_columns(table):
    """Fails when a catalog file lacks a column of its contract or has one more."""
    columns = load_contract(f"catalog.{table}").landed_columns()
    assert CATALOG_COLUMNS[table] == [name for name in columns if name not in {*TECHNICAL_COLUMNS, "recorded_at"}]


def test_a_second_bill_of_the_month_is_pointed_to(tmp_path):
    """Fails when the period-level manifest does not follow the newest assembly, or the older one is gone."""
    world = World(tmp_path).cur(PAYER, "2026-01", [line()]).cur(PAYER, "2026-01", [line(cost="2")], files=2)
    pointed = {manifest.parent.name: json.loads(manifest.read_text()) for manifest in world.manifests(PAYER)}
    top = pointed["20260101-20260201"]
    assert top["assemblyId"] == "assembly-0002"
    assert set(pointed) == {"20260101-20260201", "assembly-0001", "assembly-0002"}
    assert all((world.inbox / "aws_cur" / PAYER / key).is_file() for key in top["reportKeys"])
    assert len(world.data_files(PAYER, "2026-01")) == 3


def test_edge_files_hold_the_samples_in_each_form(tmp_path):
    """Fails when a form of an agent's file loses a field or an instant."""
    samples = [
        sample("2026-01-01T00:00", "net", {"interface": "eth 0"}, bytes_recv=5),
        sample("2026-01-01T00:05", "cpu", seconds=1.5),
    ]
    world = World(tmp_path).telegraf("edge-01", samples).line_protocol("edge-01", samples).sqlite("edge-01", samples)
    as_json, as_lines, as_sqlite = world.written
    objects = [json.loads(text) for text in gzip.decompress(as_json.read_bytes()).splitlines()]
    assert objects[0] == {
        "fields": {"bytes_recv": 5},
        "name": "net",
        "tags": {"host": "edge-01", "interface": "eth 0"},
        "timestamp": 1767225600,
    }
    assert gzip.decompress(as_lines.read_bytes()).decode().splitlines() == [
        r"net,host=edge-01,interface=eth\ 0 bytes_recv=5i 1767225600000000000",
        "cpu,host=edge-01 seconds=1.5 1767225900000000000",
    ]
    connection = sqlite3.connect(as_sqlite)
    assert connection.execute("select measurement, field, value from samples order by id").fetchall() == [
        ("net", "bytes_recv", "5"),
        ("cpu", "seconds", "1.5"),
    ]
    assert dict(connection.execute("select * from meta")) == {"host": "edge-01", "row_count": "2"}
    connection.close()


def test_a_comparison_with_the_truth_finds_a_cent():
    """Fails when the comparison of marts with a sample's truth overlooks an amount, a missing key or one too many."""
    wanted = {("a",): Decimal("1.00"), ("b",): Decimal("2.00"), ("nothing",): Decimal(0)}
    assert compare("mart", wanted, {("a",): Decimal("1"), ("b",): Decimal("2")}) == []
    assert compare("mart", wanted, {("a",): Decimal("1.01"), ("c",): Decimal("5")}) == [
        "mart a: truth 1.00, mart 1.01",
        "mart b: truth 2.00, mart None",
        "mart c: truth None, mart 5",
    ]
    assert compare("mart", {("a",): Decimal("1")}, {("a",): Decimal("1.01")}, Decimal("0.01")) == []
