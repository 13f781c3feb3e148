"""Real and generated AWS reports from outside: every line lands, and sums equal what was computed independently."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
import tarfile
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from aws_cur_inbox import find, load, manual, put, read, the_one, total

from ingestion.deliveries import Refused

pytestmark = pytest.mark.outside

WORKSHOP = {"Oct": ("2018-10", 119_307, 4064.483131536329), "Nov": ("2018-11", 124_340, 3505.326968125357)}


def sums(frame: pl.DataFrame, *by: str, amount: str = "line_item_unblended_cost") -> dict[tuple, tuple[int, Decimal]]:
    grouped = frame.group_by(by).agg(pl.len(), pl.col(amount).sum())
    return {tuple(row[:-2]): (row[-2], row[-1]) for row in grouped.iter_rows()}


@pytest.mark.parametrize("month", WORKSHOP)
def test_the_workshops_months_land_to_the_last_line(month: str, outside_data: Path, tmp_path: Path) -> None:
    """Fails when a line of this real Parquet bill is lost, or its doubles do not sum to their own texts exactly."""
    period, lines, published = WORKSHOP[month]
    source = outside_data / "aws-wal-cur" / f"{month}2018-WorkshopCUR-00001.snappy.parquet"
    manual(tmp_path, {"cur.snappy.parquet": source.read_bytes()}, period=period, folder="workshop")
    found = the_one(tmp_path)
    assert found.account == "836060457634"
    good, rejected = read(tmp_path, found)
    assert (good.height, rejected.height) == (lines, 0)
    assert good["source_row"].to_list() == list(range(1, lines + 1))

    doubles = pq.read_table(source)
    for column in ("line_item_unblended_cost", "line_item_blended_cost", "reservation_effective_cost"):
        assert total(good, column) == sum(Decimal(repr(value)) for value in doubles[column].to_pylist())
    # The published sum was added up in doubles: 119,307 of them drift by 1.6e-9.
    assert abs(total(good) - Decimal(repr(published))) < Decimal("1e-8")
    tags = [json.loads(text) if text else {} for text in good["resource_tags"]]
    assert [tag.get("user_workload", "") for tag in tags] == doubles["resource_tags_user_workload"].to_pylist()


def test_the_workshops_borrower_is_as_published(outside_data: Path, tmp_path: Path) -> None:
    """Fails when an account loses its leading zero, or reservation costs move between owner and borrower."""
    source = outside_data / "aws-wal-cur" / "Oct2018-WorkshopCUR-00001.snappy.parquet"
    manual(tmp_path, {"cur.parquet": source.read_bytes()}, period="2018-10")
    good, _ = load(tmp_path)
    used = good.filter(pl.col("line_item_line_item_type") == "DiscountedUsage")
    by_account = sums(used, "line_item_usage_account_id", amount="reservation_effective_cost")
    lines, borrowed = by_account["011254002932",]
    assert lines == 915 and abs(borrowed - Decimal("6.439248")) < Decimal("0.000001")
    fees = good.filter(pl.col("line_item_line_item_type") == "RIFee")
    assert abs(total(fees) - Decimal("149.775379")) < Decimal("0.000001")
    unused = total(fees, "reservation_unused_recurring_fee")
    assert total(used, "reservation_recurring_fee_for_usage") + unused - total(fees) < Decimal("0.000001")


def test_the_generated_months_equal_their_truth(outside_data: Path, tmp_path: Path) -> None:
    """Fails when a line type or account of the generated bucket sums otherwise, or its empty October is not valid."""
    shutil.copytree(outside_data / "nise-aws-small" / "bucket", tmp_path / "aws_cur" / "012345678901")
    truth = json.loads((outside_data / "nise-aws-small" / "cur-small.truth.json").read_text("utf-8"))
    founds = find(tmp_path)
    assert [(found.period, found.status) for found in founds] == [
        (month, "complete") for month in ("2026-07", "2026-08", "2026-09", "2026-10")
    ]
    by_type, by_account, spilled = {}, {}, 0
    for found in founds:
        good, rejected = read(tmp_path, found)
        assert rejected.is_empty()
        assert found.account == "012345678901"
        if found.period == "2026-10":
            assert good.is_empty()
            continue
        spilled += good["extra"].is_not_null().sum()
        # Of marketplace lines the generator draws an account per line: its truth has them as one.
        account = pl.when(pl.col("bill_billing_entity") == "AWS Marketplace").then(pl.lit("*random*"))
        named = good.with_columns(account.otherwise("line_item_usage_account_id").alias("account"))
        for key, value in sums(named, "line_item_line_item_type").items():
            by_type[found.period, *key] = value
        for key, value in sums(named, "account").items():
            by_account[found.period, *key] = value
    assert by_type == {
        (row["month"], row["line_item_type"]): (row["lines"], Decimal(row["unblended_cost"]))
        for row in truth["by_month_line_item_type"]
    }
    assert by_account == {
        (row["month"], row["account"]): (row["lines"], Decimal(row["unblended_cost"]))
        for row in truth["by_month_account"]
    }
    assert spilled > 0  # 'convertible' and 'None' where numbers belong stay readable


def test_a_real_cur2_export_lands_with_its_manifest(outside_data: Path, tmp_path: Path) -> None:
    """Fails when a line of this real CUR 2.0 export is lost, changed or found under another month."""
    source = outside_data / "aws-cur2-ola" / "data" / "ha-project-CUR-daily-1-00001.csv"
    export = tmp_path / "aws_cur" / "147303435917" / "CUR-daily-1.0" / "ha-project-CUR-daily-1"
    listing = (source.parent / "ha-project-CUR-daily-1-Manifest.json").read_bytes()
    (path,) = json.loads(listing)["dataFiles"]
    put(export / "metadata/BILLING_PERIOD=2026-04/ha-project-CUR-daily-1-Manifest.json", listing)
    put(export / "data" / path.split("/data/")[1], gzip.compress(source.read_bytes()))
    found = the_one(tmp_path)
    assert (found.account, found.period, found.details["report"]) == (
        "147303435917",
        "2026-04",
        "ha-project-CUR-daily-1",
    )
    good, rejected = read(tmp_path, found)
    assert rejected.is_empty()

    expected: dict[tuple, tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    with source.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        count, amount = expected[row["line_item_line_item_type"],]
        expected[row["line_item_line_item_type"],] = (count + 1, amount + Decimal(row["line_item_unblended_cost"]))
    assert sums(good, "line_item_line_item_type") == expected
    assert {key[0]: count for key, (count, _) in expected.items()} == {"Usage": 1511, "Credit": 358, "Tax": 13}
    names = [json.loads(row["product"]).get("product_name") for row in rows]
    assert good["product_product_name"].to_list() == names
    tags = [json.loads(row["resource_tags"]) or None for row in rows]
    assert [text and json.loads(text) for text in good["resource_tags"]] == tags
    assert good["extra"].null_count() == good.height


@pytest.mark.parametrize(("layout", "rows"), [("cur_1_0", 3), ("cur_2_0", 4)])
def test_both_layouts_of_another_connectors_tests_land(
    layout: str, rows: int, outside_data: Path, tmp_path: Path
) -> None:
    """Fails when a zipped legacy report or a data export in the layout another project tests with is not read."""
    structure = outside_data / "keboola-cur-mocks" / "mock_data" / layout / "s3_structure"
    shutil.copytree(structure, tmp_path / "aws_cur" / "123456789012")
    good, rejected = load(tmp_path)
    assert (good.height, rejected.height) == (rows, 0)
    sample = next(structure.parent.glob("sample_billing_data*.csv"))
    with sample.open(newline="", encoding="utf-8") as stream:
        costs = [
            Decimal(row.get("lineItem/UnblendedCost") or row["line_item_unblended_cost"])
            for row in csv.DictReader(stream)
        ]
    assert total(good) == sum(costs)


def test_a_bucket_of_another_chargeback_tool_is_read(outside_data: Path, tmp_path: Path) -> None:
    """Fails when a line goes missing: this bucket's one file mixes three months, with amounts of 19 places (32)."""
    with tarfile.open(outside_data / "koku-fixtures" / "test_local_bucket.tar.gz") as archive:
        archive.extractall(tmp_path / "aws_cur" / "koku", filter="data")
    found = the_one(tmp_path)
    good, rejected = read(tmp_path, found)
    (data,) = (tmp_path / "aws_cur" / "koku").glob("**/*.csv.gz")
    expected: dict[str, list[Decimal]] = defaultdict(list)
    with gzip.open(data, "rt", encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            amounts = [Decimal(row[f"lineItem/{name}"]) for name in ("UnblendedCost", "UsageAmount")]
            fits = all(-int(amount.as_tuple().exponent) <= 18 for amount in amounts)
            in_month = row["bill/BillingPeriodStartDate"].startswith("2018-08")
            expected["good" if fits and in_month else "other_period" if fits else "too_many_digits"].append(amounts[0])
    assert (found.period, found.account) == ("2018-08", "6568388779672")
    assert (good.height, total(good)) == (len(expected["good"]), sum(expected["good"]))
    reasons = dict(rejected["reason"].value_counts().iter_rows())
    assert reasons == {reason: len(amounts) for reason, amounts in expected.items() if reason != "good"}
    assert good.height + rejected.height == sum(map(len, expected.values()))


@pytest.mark.parametrize(
    ("name", "period", "rows"),
    [
        ("2023-06-01.csv", "2023-06", 3),
        ("2023-06-01-not-final.csv", "2023-06", 3),
        ("2022-07-01-alt-columns.csv", "2022-07", 2),
    ],
)
def test_odd_headers_of_another_tool_land(
    name: str, period: str, rows: int, outside_data: Path, tmp_path: Path
) -> None:
    """Fails when 13-digit accounts, a run-together column name, or partition columns stop the load."""
    manual(tmp_path, {name: (outside_data / "koku-fixtures" / "aws" / name).read_bytes()}, period=period)
    good, rejected = load(tmp_path)
    assert (good.height, rejected.height) == (rows, 0)
    text = (outside_data / "koku-fixtures" / "aws" / name).read_text("utf-8")
    assert good["bill_payer_account_id"][0] in text and len(set(good["bill_payer_account_id"])) == 1


@pytest.mark.parametrize(
    "path", ["ice-manifests/kubernetes-2019-01.csv", "nise-azure", "nise-gcp", "focus-sample", "telegraf"]
)
def test_files_of_other_vendors_are_refused(path: str, outside_data: Path, tmp_path: Path) -> None:
    """Fails when another vendor's file in this folder is loaded in part (fault 10)."""
    place = outside_data / path
    files = [place, *(file for file in place.rglob("*") if file.suffix in (".csv", ".json", ".gz"))]
    largest = max((file for file in files if file.is_file()), key=lambda file: file.stat().st_size)
    manual(tmp_path, {largest.name: largest.read_bytes()})
    with pytest.raises(Refused, match=r"contract aws_cur\.line_items"):
        load(tmp_path)
