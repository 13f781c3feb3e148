"""Which AWS deliveries the inbox holds, whole or not, and which of them counts."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from aws_cur_inbox import PAYER, csv_bytes, find, gz, legacy, line, load, manifest, manual, put, the_one, total
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.deliveries import File
from ingestion.lake import Lake
from ingestion.landing import land
from ingestion.sources.bill_manifests import parse
from ingestion.storage import open_storage

ONE = {"daily-1.csv.gz": gz(csv_bytes([line()]))}
ARN = "arn:aws:bcm-data-exports:us-east-1"
REPORT = f"aws_cur/{PAYER}/cur/daily/20260101-20260201"


def described(founds: list) -> list[tuple[str, str]]:
    return [(found.name, found.status) for found in founds]


def test_the_period_manifest_points_to_the_current_assembly(tmp_path: Path) -> None:
    """Fails when an assembly the producer has replaced is found beside the one its period manifest names."""
    legacy(tmp_path, ONE, "old", at="2026-02-03T00:00:00Z")
    legacy(tmp_path, {"daily-1.csv.gz": gz(csv_bytes([line(unblendedcost="7")]))}, "new", at="2026-02-02T00:00:00Z")
    assert described(find(tmp_path)) == [("daily/2026-01/new", "complete")]
    good, _ = load(tmp_path)
    assert str(total(good).normalize()) == "7"


def test_without_a_pointer_the_newest_whole_assembly_counts(tmp_path: Path) -> None:
    """Fails when the order of names or folders decides instead of the manifests' times."""
    legacy(tmp_path, ONE, "b", at="2026-02-01T00:00:00Z", pointer=False)
    legacy(tmp_path, ONE, "a", at="2026-02-05T00:00:00Z", pointer=False)
    assert described(find(tmp_path)) == [("daily/2026-01/a", "complete")]


def test_files_without_a_manifest_wait(tmp_path: Path) -> None:
    """Fails when files are loaded before their manifest is there (fault 4)."""
    put(tmp_path / REPORT / "a1" / "daily-1.csv.gz", ONE["daily-1.csv.gz"])
    (found,) = find(tmp_path)
    assert (found.status, found.period) == ("incomplete", "2026-01")
    assert "no manifest lists these 1 files; since 2026-02-01" in found.reason


def test_a_manifest_before_its_files_waits_and_the_former_assembly_stands(tmp_path: Path) -> None:
    """Fails when a half-arrived assembly is loaded or hides the whole one before it (faults 5 and 6)."""
    legacy(tmp_path, ONE, "old", at="2026-02-01T00:00:00Z")
    legacy(tmp_path, ONE | {"daily-2.csv.gz": b"x"}, "new", at="2026-02-02T00:00:00Z")
    (tmp_path / REPORT / "new" / "daily-2.csv.gz").unlink()
    founds = {found.name: found for found in find(tmp_path)}
    assert founds["daily/2026-01/old"].status == "complete"
    assert founds["daily/2026-01/new"].status == "incomplete"
    assert "new/daily-2.csv.gz is not there yet" in founds["daily/2026-01/new"].reason


def test_a_file_of_the_wrong_size_holds_the_delivery(tmp_path: Path) -> None:
    """Fails when a file that is still growing is taken for whole (fault 5)."""
    key = "cur/daily/20260101-20260201/a1/daily-1.csv.gz"
    legacy(tmp_path, ONE, pointer=False)
    for size, status in ((len(ONE["daily-1.csv.gz"]), "complete"), (99_999, "incomplete")):
        for listing in ([{"path": key, "size": size}], {key: {"size": size}}, {key: size}):
            put(tmp_path / REPORT / "a1" / "daily-Manifest.json", manifest(listing, "a1"))
            (found,) = find(tmp_path)
            assert found.status == status
    assert "bytes where the manifest says 99999" in found.reason


def test_another_assemblys_file_of_the_same_name_is_never_taken(tmp_path: Path) -> None:
    """Fails when a listed file is matched by its bare name across assemblies (fault 5)."""
    legacy(tmp_path, ONE, "old", pointer=False)
    put(tmp_path / REPORT / "daily-Manifest.json", manifest([f"x/{REPORT[21:]}/new/daily-1.csv.gz"], "new"))
    assert {found.name: found.status for found in find(tmp_path)} == {
        "daily/2026-01/new": "incomplete",
        "daily/2026-01/old": "complete",
    }


@given(order=st.permutations(range(6)), scans=st.sets(st.integers(0, 5)))
@settings(max_examples=40, deadline=None)
def test_arrival_order_does_not_decide_what_is_current(order: list[int], scans: set[int], tmp_path_factory) -> None:
    """Fails when landing at any moment of any order of arrival ends with another current version (fault 6)."""
    inbox = tmp_path_factory.mktemp("inbox")
    parts = []
    for assembly, day in (("m", 1), ("z", 2), ("a", 3)):
        at = f"2026-02-0{day}T00:00:00Z"
        key = f"{REPORT}/{assembly}/daily-1.csv.gz"
        parts.append((inbox / key, gz(csv_bytes([line(unblendedcost=str(day))])), at))
        parts.append((inbox / REPORT / assembly / "daily-Manifest.json", manifest([key], assembly), at))
    landed = {}
    for position, part in enumerate(order):
        put(*parts[part])
        if position in scans or position == 5:
            landed |= {found.version: found.name for found in find(inbox) if found.status == "complete"}
    assert landed[max(landed)] == "daily/2026-01/a"


def test_cur2_exports_that_overwrite_and_that_make_new_files(tmp_path: Path) -> None:
    """Fails when one of the two ways a data export lays out its files is not found."""
    data = gz(csv_bytes([line()]))
    over = tmp_path / "aws_cur" / PAYER / "over"
    put(over / "data/BILLING_PERIOD=2026-01/over-00001.csv.gz", data)
    listing = {"executionId": "e1", "dataFiles": ["s3://b/p/over/data/BILLING_PERIOD=2026-01/over-00001.csv.gz"]}
    put(over / "metadata/BILLING_PERIOD=2026-01/over-Manifest.json", json.dumps(listing).encode())
    anew = tmp_path / "aws_cur" / "000000000007" / "anew"
    for day in (1, 2):
        run = f"2026-02-0{day}T10:00:00.000Z-0000000{day}-1111-2222-3333-444444444444"
        put(
            anew / f"data/BILLING_PERIOD=2026-01/{run}/anew-00001.csv.gz",
            gz(csv_bytes([line(payeraccountid="7")]), day),
        )
        listing = {
            "executionId": f"e{day}",
            "exportArn": f"{ARN}:000000000007:export/anew-04e9e487-79a7-42b1-a680-1de7c660dc8f",
            "dataFiles": {"2026-01": [f"s3://b/anew/data/BILLING_PERIOD=2026-01/{run}/anew-00001.csv.gz"]},
        }
        put(anew / f"metadata/BILLING_PERIOD=2026-01/{run}/anew-Manifest.json", json.dumps(listing).encode())
    found = find(tmp_path)
    assert described(found) == [("over/2026-01/e1", "complete"), ("anew/2026-01/e2", "complete")]
    assert found[1].version.endswith("/20260202T100000.000000Z/e2")


def test_legacy_parquet_in_year_and_month_folders_is_found(tmp_path: Path) -> None:
    """Fails when files outside the manifest's own folder, as the Athena integration writes them, are not found."""
    root = tmp_path / "aws_cur" / PAYER / "cur" / "daily"
    put(root / "daily/year=2026/month=1/daily-00001.snappy.parquet", b"PAR1")
    key = "pre/cur/daily/daily/year=2026/month=1/daily-00001.snappy.parquet"
    put(root / "20260101-20260201/daily-Manifest.json", manifest([key], "a1"))
    (found,) = find(tmp_path)
    assert (found.status, [file.size for file in found.files]) == ("complete", [4])


def test_manual_files_count_once_complete_lies_beside_them(tmp_path: Path) -> None:
    """Fails when files copied by hand are read before `_COMPLETE`, or the mark itself is taken for data."""
    manual(tmp_path, {"january.csv": csv_bytes([line()])})
    mark = tmp_path / "aws_cur" / PAYER / "manual/2026-01/first/_COMPLETE"
    mark.unlink()
    (found,) = find(tmp_path)
    assert (found.status, found.reason[:12]) == ("incomplete", "no _COMPLETE")
    put(mark, b"")
    assert [file.key.rsplit("/", 1)[-1] for file in the_one(tmp_path).files] == ["january.csv"]


def test_a_manual_file_in_the_wrong_place_is_reported(tmp_path: Path) -> None:
    """Fails when a misplaced file is passed over in silence."""
    put(tmp_path / "aws_cur" / PAYER / "manual" / "january.csv", csv_bytes([line()]))
    (found,) = find(tmp_path)
    assert (found.status, "belongs into manual/<YYYY-MM>/<delivery>/" in found.reason) == ("incomplete", True)


MONTHS_THAT_ARE_NONE = [
    "0000-01",
    "2026-00",
    "2026-13",
    "２０２６-01",
    "2026-01\n",
    "year=0/month=1",
    "year=2026/month=13",
]


@pytest.mark.parametrize("month", MONTHS_THAT_ARE_NONE)
def test_a_month_that_no_calendar_has_is_no_month(month: str, tmp_path: Path) -> None:
    """Fault 24. Fails when such a folder ends the landing, or the lake cannot tell of it afterwards."""
    inbox, compact = tmp_path / "inbox", month.replace("-", "")
    manual(inbox, ONE, period=month)
    document = {"reportKeys": ["daily-1.csv.gz"], "billingPeriod": {"start": f"{compact}01T000000Z"}}
    for folder in (f"{compact}01-20270101", f"BILLING_PERIOD={month}", month):
        for name, content in {**ONE, "daily-Manifest.json": json.dumps(document).encode()}.items():
            put(inbox / "aws_cur" / PAYER / "cur/daily" / folder / name, content)
    put(inbox / f"aws_cur/{PAYER}/other/{month}/1.csv", csv_bytes([line()]))
    lake = Lake(open_storage(tmp_path / "lake"))
    report = land("aws_cur", open_storage(inbox), lake)
    assert (report.landed, {row["billing_period"] for row in lake.deliveries()}) == (0, {None})


@pytest.mark.parametrize(
    "change",
    [
        {"billingPeriod": "20260101-20260201"},
        {"billingPeriod": [1]},
        {"billingPeriod": {"start": 5}},
        {"reportName": "\ud800"},
        {"reportKeys": 5},
        {"reportKeys": [5, None, {"key": 5}]},
    ],
)
def test_a_manifest_of_other_types_stops_nothing(change: dict[str, object], tmp_path: Path) -> None:
    """Fault 21. Fails when what a manifest may not hold ends the scan of every payer."""
    legacy(tmp_path, ONE)
    document = json.loads(manifest(["cur/other/20260101-20260201/a1/1.csv"], "a1", "other")) | change
    put(tmp_path / "aws_cur" / PAYER / "cur/other/20260101-20260201/other-Manifest.json", json.dumps(document).encode())
    found = find(tmp_path)
    assert [one.name for one in found if one.status == "complete"] == ["daily/2026-01/a1"]
    assert [one.status for one in found].count("incomplete") == 1


@pytest.mark.parametrize("size", [5, 5.0, "5"])
def test_a_size_is_compared_however_it_is_written(size: object, tmp_path: Path) -> None:
    """Fault 5. Fails when a size in quotes or as a float is no size, and a file that was cut lands."""
    legacy(tmp_path, ONE)
    listed = {"key": "cur/daily/20260101-20260201/a1/daily-1.csv.gz", "size": size}
    for path in (tmp_path / "aws_cur").rglob("*-Manifest.json"):
        put(path, manifest([listed], "a1"))
    (found,) = [one for one in find(tmp_path) if one.details]
    assert found.status == "incomplete" and "where the manifest says 5" in found.reason


def test_a_file_beside_the_payers_folders_is_told(tmp_path: Path) -> None:
    """Fault 4. Fails when a bill that was copied one folder too high is passed over without a word."""
    put(tmp_path / "aws_cur" / "bill.csv", csv_bytes([line()]))
    (found,) = find(tmp_path, "2026-01")
    assert (found.status, found.reason.startswith("aws_cur/bill.csv: lies beside")) == ("rejected", True)


def test_a_month_without_rows_needs_a_manifest_that_announces_it(tmp_path: Path) -> None:
    """Fails when a header-only copy is taken for an empty month, or an announced empty month is held (fault 9)."""
    legacy(tmp_path, {"daily-1.csv.gz": gz(csv_bytes([]))})
    manual(tmp_path, {"empty.csv": csv_bytes([])}, folder="000000000009")
    assert {found.account: found.status for found in find(tmp_path)} == {PAYER: "complete", "000000000009": "held"}
    good, rejected = load(tmp_path)
    assert (good.height, rejected.height) == (0, 0)


def test_two_empty_months_are_two_deliveries(tmp_path: Path) -> None:
    """Fails when equal header-only files of two months are equal, so that the second would be a repetition."""
    for month in ("20260101-20260201", "20260201-20260301"):
        legacy(tmp_path, {"daily-1.csv.gz": gz(csv_bytes([]))}, month=month)
    contents = [[(tmp_path / file.key).read_bytes() for file in found.files] for found in find(tmp_path)]
    assert len(contents) == 2 and contents[0] != contents[1]


def test_the_payer_is_who_the_rows_say(tmp_path: Path) -> None:
    """Fails when the folder's name or the manifest decides the account although rows name another."""
    legacy(tmp_path, ONE, folder="our friendly name")
    assert the_one(tmp_path).account == PAYER


def test_of_two_reports_of_a_payer_one_counts_and_the_other_is_refused(tmp_path: Path) -> None:
    """Fails when two reports of one month are both loaded, or the message names neither remedy nor both (fault 3)."""
    legacy(tmp_path, ONE, report="hourly", folder="x")
    legacy(tmp_path, ONE, report="daily", folder="y")
    manual(tmp_path, ONE, folder="z")
    by_report = {found.details["report"]: found for found in find(tmp_path)}
    assert {name: found.status for name, found in by_report.items()} == {
        "daily": "complete",
        "hourly": "rejected",
        "manual": "rejected",
    }
    for word in ("'daily'", "'hourly'", "payers.report", "first by name"):
        assert word in by_report["hourly"].reason
    configured = {found.details["report"]: found for found in find(tmp_path, report={PAYER: "hourly"})}
    assert [name for name, found in configured.items() if found.status == "complete"] == ["hourly"]
    assert "as payers.report says" in configured["daily"].reason
    absent = find(tmp_path, report={PAYER: "quarterly"})
    assert [found.details["report"] for found in absent if found.status == "complete"] == ["daily"]


def test_the_first_report_by_name_wins_even_when_it_arrives_last(tmp_path: Path) -> None:
    """Fails when a report landed alone keeps the month although one with the greater right came later (fault 3)."""
    names = ["daily", "daily-2", "a", "Z", "manual-like"]
    random.Random(4).shuffle(names)
    versions = {}
    for number, name in enumerate(names):
        legacy(tmp_path / name, ONE, report=name, at=f"2026-02-{20 - number}T00:00:00Z")
        versions[the_one(tmp_path / name).version] = name
    assert versions[max(versions)] == min(names)


def test_only_the_asked_month_is_looked_at(tmp_path: Path) -> None:
    """Fails when a run of one month reads another's manifests or deliveries."""
    legacy(tmp_path, ONE)
    legacy(tmp_path, ONE, month="20260201-20260301")
    put(tmp_path / f"aws_cur/{PAYER}/cur/daily/20260301-20260401/daily-Manifest.json", b"{ cut")
    assert [found.period for found in find(tmp_path, "2026-02")] == ["2026-02"]


def test_a_manifest_that_is_none_is_reported(tmp_path: Path) -> None:
    """Fails when a cut or foreign manifest stops the scan of the rest or is passed over."""
    legacy(tmp_path, ONE)
    for name, content in (("cut", b'{"reportKeys": ['), ("foreign", b'{"entries": []}'), ("bytes", b"\xff\xfe\x00")):
        put(tmp_path / "aws_cur" / PAYER / name / "20260201-20260301" / "x-Manifest.json", content)
    assert [found.status for found in find(tmp_path)].count("incomplete") == 3
    assert the_one(tmp_path).period == "2026-01"


@given(path=st.text(alphabet="ab./\\'\"\n\0é", max_size=30))
@settings(max_examples=80, deadline=None)
def test_no_listed_path_leads_out_of_the_inbox(path: str, tmp_path_factory) -> None:
    """Fails when a path in a manifest is followed instead of looked up among the listed files (faults 13, 14)."""
    inbox = tmp_path_factory.mktemp("inbox")
    put(inbox / REPORT / "daily-Manifest.json", manifest(["../" * 9 + path, "/etc/passwd"], "a1"))
    (found,) = find(inbox)
    assert (found.status, found.files) == ("incomplete", ())


@pytest.mark.outside
def test_real_manifests_are_understood(outside_data: Path) -> None:
    """Fails when a manifest as the producer really writes it is misread."""
    read = {}
    for path in [*outside_data.glob("ice-manifests/*.json"), *outside_data.glob("aws-cur2-ola/data/*.json")]:
        one = parse(File(path.name, 0, "", "2026-01-01T00:00:00+00:00"), path.read_bytes())
        read[path.name] = (one.report, one.period, one.account, len(one.listed))
    assert read == {
        "manifest-2018-01.json": ("hourly-cost-and-usage", "2018-01", "123456789012", 0),
        "manifest-2019-01.json": ("hourly-cost-and-usage", "2019-01", "123456789012", 0),
        "manifest-2019-12.json": ("ReportName", "2019-12", "123456789012", 0),
        "manifestTest.json": ("hourly-cost-and-usage", "2017-08", "123456789012", 2),
        "ha-project-CUR-daily-1-Manifest.json": ("ha-project-CUR-daily-1", "2026-04", "147303435917", 1),
    }
