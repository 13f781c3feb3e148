"""AWS deliveries through the real landing: what the lake holds after repetitions, restatements and bad deliveries."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import boto3
import duckdb
import polars as pl
import pytest
from aws_cur_inbox import PAYER, csv_bytes, gz, legacy, line, manifest, manual, put
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.lake import Lake
from ingestion.landing import LandingReport, land
from ingestion.storage import open_storage

REPORT = f"aws_cur/{PAYER}/cur/daily/20260101-20260201"


def landed(folder: Path, inbox: str | Path | None = None) -> tuple[LandingReport, Lake]:
    lake = Lake(open_storage(folder / "lake"))
    report = land("aws_cur", open_storage(inbox or folder / "inbox"), lake)
    lake.refresh()
    return report, lake


def current_total(lake: Lake) -> str:
    files = lake.current_files("aws_cur.line_items")
    amounts = pl.read_parquet(files)["line_item_unblended_cost"].to_list() if files else []
    return format(sum(amounts, Decimal(0)).normalize(), "f")


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for part in ("landed", "manifests", "quarantine")
        for path in sorted((folder / part).rglob("*"))
        if path.is_file()
    }


def test_a_delivery_that_comes_again_changes_nothing(tmp_path: Path) -> None:
    """Fails when the same files, under the same or another name, land twice (fault 1)."""
    legacy(tmp_path / "inbox", {"1.csv.gz": gz(csv_bytes([line(), line(currencycode="")]))})
    first, lake = landed(tmp_path)
    before = tree(tmp_path / "lake")
    again, _ = landed(tmp_path)
    assert (first.landed, again.landed, again.unchanged, first.rows_quarantined) == (1, 0, 1, 1)
    assert tree(tmp_path / "lake") == before
    (tmp_path / "inbox" / REPORT / "daily-Manifest.json").unlink()
    legacy(
        tmp_path / "inbox",
        {"other.csv.gz": gz(csv_bytes([line(), line(currencycode="")]))},
        "a2",
        at="2026-02-09T00:00Z",
    )
    renamed, lake = landed(tmp_path)
    assert (renamed.landed, renamed.unchanged, current_total(lake)) == (0, 1, "0.1")
    assert {name: data for name, data in tree(tmp_path / "lake").items() if name in before} == before


def test_a_restated_month_replaces_the_former_whole(tmp_path: Path) -> None:
    """Fails when lines of a replaced assembly stay current, or its rows are merged by line id (faults 2 and 6)."""
    legacy(tmp_path / "inbox", {"1.csv.gz": gz(csv_bytes([line(), line(unblendedcost="5")]))})
    landed(tmp_path)
    packed_again = gz(csv_bytes([line(unblendedcost="5"), line()]), 1)
    legacy(tmp_path / "inbox", {"1.csv.gz": packed_again}, "a2", at="2026-02-02T00:00:00Z")
    report, lake = landed(tmp_path)
    assert (report.landed, current_total(lake)) == (1, "5.1")
    assert any("no change" in message for message in report.messages)
    legacy(tmp_path / "inbox", {"1.csv.gz": gz(csv_bytes([line(unblendedcost="7")]))}, "a3", at="2026-02-03T00:00:00Z")
    _, lake = landed(tmp_path)
    assert current_total(lake) == "7"
    assert sorted(row["status"] for row in lake.deliveries()) == ["complete", "superseded", "superseded"]


@pytest.mark.parametrize("bad", [gz(csv_bytes([line()] * 900))[:-40], b"<html>", gz(b"a,b\n1,2\n"), b""])
def test_a_bad_assembly_is_refused_and_the_former_stays(bad: bytes, tmp_path: Path) -> None:
    """Fails when a damaged or foreign assembly takes the month away, or loads in part (faults 7, 9, 10)."""
    legacy(tmp_path / "inbox", {"1.csv.gz": gz(csv_bytes([line()]))})
    landed(tmp_path)
    legacy(tmp_path / "inbox", {"1.csv.gz": bad}, "a2", at="2026-02-02T00:00:00Z")
    report, lake = landed(tmp_path)
    assert (report.rejected, report.landed, current_total(lake)) == (1, 0, "0.1")
    assert any("1.csv.gz" in message and "rejected" in message for message in report.messages)


def test_nothing_of_an_incomplete_delivery_is_loaded(tmp_path: Path) -> None:
    """Fails when the present files of a half-arrived delivery land (fault 5)."""
    files = {f"{i}.csv.gz": gz(csv_bytes([line(unblendedcost=str(i))])) for i in (1, 2)}
    legacy(tmp_path / "inbox", files)
    (tmp_path / "inbox" / REPORT / "a1" / "2.csv.gz").unlink()
    report, lake = landed(tmp_path)
    assert (report.incomplete, report.landed, lake.current_files("aws_cur.line_items")) == (1, 0, [])
    put(tmp_path / "inbox" / REPORT / "a1" / "2.csv.gz", files["2.csv.gz"])
    _, lake = landed(tmp_path)
    assert current_total(lake) == "3"


def test_a_month_announced_without_rows_is_there(tmp_path: Path) -> None:
    """Fails when an empty month looks like a missing one (fault 9)."""
    for month in ("20260101-20260201", "20260201-20260301"):
        legacy(tmp_path / "inbox", {"1.csv.gz": gz(csv_bytes([]))}, month=month)
    manual(tmp_path / "inbox", {"1.csv": csv_bytes([])}, folder="000000000009")
    report, lake = landed(tmp_path)
    assert (report.landed, report.incomplete, report.rows_in) == (2, 1, 0)
    months = {f"{row['billing_period']:%Y-%m}" for row in lake.deliveries() if row["status"] == "complete"}
    assert months == {"2026-01", "2026-02"}


@given(order=st.permutations(range(8)), scans=st.sets(st.integers(0, 7), max_size=3))
@settings(max_examples=12, deadline=None)
def test_no_order_of_arrival_changes_what_is_current(order: list[int], scans: set[int], tmp_path_factory) -> None:
    """Fails when landing in between, in any order of two reports' files, ends with other current rows (faults 3, 6)."""
    folder = tmp_path_factory.mktemp("world")
    parts = []
    for report, assembly, day in (("daily", "m", 1), ("daily", "z", 3), ("daily", "a", 2), ("hourly", "q", 9)):
        place = f"aws_cur/{PAYER}/cur/{report}/20260101-20260201/{assembly}"
        data, at = gz(csv_bytes([line(unblendedcost=str(day))])), f"2026-02-0{day}T00:00:00Z"
        parts.append((folder / "inbox" / place / "1.csv.gz", data, at))
        listing = manifest([f"{place}/1.csv.gz"], assembly, report)
        parts.append((folder / "inbox" / place / f"{report}-Manifest.json", listing, at))
    for position, part in enumerate(order):
        put(*parts[part])
        if position in scans:
            landed(folder)
    _, lake = landed(folder)
    assert current_total(lake) == "3"


def test_a_bucket_is_read_like_a_folder(tmp_path: Path, s3: Callable[[], str]) -> None:
    """Fails when CSV, zip or Parquet from S3 differ from the same bytes in a folder."""
    rows = [line(unblendedcost=f"{number}.5") for number in random.Random(1).sample(range(900), 40)]
    frame = pl.DataFrame(rows).rename({name: name.replace("/", "_") for name in rows[0]})
    parquet = io.BytesIO()
    frame.write_parquet(parquet)
    legacy(tmp_path / "inbox", {"1.csv.gz": gz(csv_bytes(rows)), "2.parquet": parquet.getvalue()})
    _, here = landed(tmp_path)
    bucket, client = s3(), boto3.client("s3")
    for path in (tmp_path / "inbox").rglob("*"):
        if path.is_file():
            key = f"in/{path.relative_to(tmp_path / 'inbox')}"
            client.put_object(Bucket=bucket.removeprefix("s3://"), Key=key, Body=path.read_bytes())
    report, there = landed(tmp_path / "s3", f"{bucket}/in")
    assert (report.landed, report.rows_loaded) == (1, 80)
    same = "select * exclude (delivery_id) from read_parquet($1) order by source_file, source_row"
    results = [duckdb.execute(same, [lake.current_files("aws_cur.line_items")]).fetchall() for lake in (here, there)]
    assert results[0] == results[1]
