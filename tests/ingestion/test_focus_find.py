"""Which FOCUS deliveries the inbox holds, whole or not, and whose month each of them is."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from aws_cur_inbox import gz, put
from focus_inbox import aws_export, azure_run, csv_bytes, find, load, manual, row, the_one, total
from hypothesis import given, settings
from hypothesis import strategies as st

ONE = {"part-00001.csv.gz": gz(csv_bytes([row()]))}


def described(founds: list) -> list[tuple[str, str | None, str]]:
    return [(found.account, found.period, found.status) for found in founds]


def test_files_put_there_by_hand_are_their_providers(tmp_path: Path) -> None:
    """Fails when a folder with its mark is no delivery, or one without it is (fault 4)."""
    manual(tmp_path, ONE)
    manual(tmp_path, ONE, period="2026-02", provider="other")
    (tmp_path / "focus/other/manual/2026-02/first/_COMPLETE").unlink()
    assert described(find(tmp_path)) == [("acme", "2026-01", "complete"), ("other", "2026-02", "incomplete")]
    assert "no _COMPLETE lies beside the files; since 2026-02-01" in find(tmp_path)[1].reason


def test_what_lies_elsewhere_is_told_where_it_belongs(tmp_path: Path) -> None:
    """Fails when a file beside the folders, or a plain file without a manifest, is passed over (fault 4)."""
    put(tmp_path / "focus/2026-01.csv", csv_bytes([row()]))
    put(tmp_path / "focus/acme/2026-01.csv", csv_bytes([row()]))
    put(tmp_path / "focus/acme/manual/2026-01.csv", csv_bytes([row()]))
    beside, *others = find(tmp_path)
    assert (beside.status, "deliver it below focus/<provider>/" in beside.reason) == ("rejected", True)
    reasons = [found.reason for found in others]
    assert [found.status for found in others] == ["incomplete", "incomplete"]
    assert any("no manifest lists these 1 files" in reason for reason in reasons)
    assert any("belongs into manual/<YYYY-MM>/<delivery>/" in reason for reason in reasons)


def test_an_aws_data_export_is_found_with_its_manifest(tmp_path: Path) -> None:
    """Fails when an export of FOCUS is laid out as one of CUR 2.0 and is not found, or before it is whole (fault 5)."""
    aws_export(tmp_path, ONE)
    found = the_one(tmp_path)
    assert (found.account, found.period, found.details) == ("aws/focus-export", "2026-01", {})
    assert total(load(tmp_path)[0]) == Decimal("0.1")
    (tmp_path / found.files[0].key).unlink()
    (held,) = find(tmp_path)
    assert (held.status, held.account) == ("incomplete", "aws/focus-export")
    assert "is not there yet" in held.reason


def test_exports_of_one_name_stay_apart(tmp_path: Path) -> None:
    """Fails when the exports of two payers, each named "focus", replace one another (fault 3)."""
    for payer in ("000000000007", "000000000008"):
        aws_export(tmp_path, ONE, "focus", below=f"aws/{payer}", payer=payer)
    aws_export(tmp_path, ONE, "focus", below="other")
    manual(tmp_path, ONE, provider="aws")
    assert described(find(tmp_path)) == [
        ("aws", "2026-01", "complete"),
        ("aws/000000000007/focus", "2026-01", "complete"),
        ("aws/000000000008/focus", "2026-01", "complete"),
        ("other/focus", "2026-01", "complete"),
    ]


def test_an_export_laid_out_without_a_folder_of_its_own_has_its_name(tmp_path: Path) -> None:
    """Fails when an export copied right below the provider counts as files put there by hand, or two as one."""
    for name in ("one", "two"):
        put(tmp_path / f"focus/aws/data/BILLING_PERIOD=2026-01/{name}.csv.gz", ONE["part-00001.csv.gz"])
        listing = {"executionId": "e", "dataFiles": [f"s3://b/data/BILLING_PERIOD=2026-01/{name}.csv.gz"]}
        manifest = tmp_path / f"focus/aws/metadata/BILLING_PERIOD=2026-01/{name}-Manifest.json"
        put(manifest, json.dumps(listing).encode())
    assert described(find(tmp_path)) == [("aws/one", "2026-01", "complete"), ("aws/two", "2026-01", "complete")]


def test_of_azures_runs_the_one_submitted_last_counts(tmp_path: Path) -> None:
    """Fails when the order of folders or of arrival decides between the runs of a month (fault 6)."""
    azure_run(tmp_path, ONE, "b", "2026-02-01T03:00:00.1234567Z", at="2026-02-09T00:00:00Z")
    azure_run(tmp_path, {"part_0_0001.csv": csv_bytes([row(BilledCost="7")])}, "a", "2026-02-02T03:00:00Z")
    azure_run(tmp_path, ONE, "c", "2026-02-01T03:00:00Z", month="20260201-20260228")
    assert described(find(tmp_path)) == [
        ("azure/exports/focus-cost", "2026-01", "complete"),
        ("azure/exports/focus-cost", "2026-02", "complete"),
    ]
    january = find(tmp_path, "2026-01")
    assert [found.name for found in january] == ["azure/focus-cost/2026-01/a"]
    assert january[0].version.endswith("/20260202T030000.000000Z/a")


def test_exports_of_two_scopes_in_one_folder_are_held(tmp_path: Path) -> None:
    """Fails when the exports of two subscriptions that share name and folder replace one another (fault 3)."""
    for number in ("1", "2"):
        azure_run(tmp_path, ONE, f"run-{number}", f"2026-02-0{number}T03:00:00Z", scope=f"/subscriptions/{number}")
    azure_run(tmp_path, ONE, "alone", "2026-02-01T03:00:00Z", month="20260201-20260228")
    founds = {found.name.rsplit("/", 1)[-1]: found for found in find(tmp_path)}
    statuses = {name: found.status for name, found in founds.items()}
    assert statuses == {"run-1": "held", "run-2": "held", "alone": "complete"}
    for part in ("/subscriptions/1/", "/subscriptions/2/", "focus/azure/exports/focus-cost", "a folder of its own"):
        assert part in founds["run-1"].reason


def test_a_month_folder_above_the_exports_name_tells_the_same(tmp_path: Path) -> None:
    """Fails when the producer's other order of folders (month, then export) gives another month, or no export."""
    azure_run(tmp_path / "there", ONE, "r", "2026-02-01T03:00:00Z")
    (manifest,) = (tmp_path / "there").rglob("manifest.json")
    turned = tmp_path / "here/focus/azure/exports/20260101-20260131/focus-cost/202602010300/r"
    put(turned / "manifest.json", manifest.read_bytes())
    put(turned / "part-00001.csv.gz", ONE["part-00001.csv.gz"])
    found = the_one(tmp_path / "here")
    assert (found.account, found.period) == ("azure/exports/focus-cost", "2026-01")


def test_a_run_that_is_not_whole_waits_and_the_former_stands(tmp_path: Path) -> None:
    """Fails when a blob that is missing or still grows is read, or hides the whole run before it (faults 5 and 6)."""
    azure_run(tmp_path, ONE, "old", "2026-02-01T03:00:00Z")
    where = azure_run(tmp_path, ONE | {"part_1_0001.csv.gz": ONE["part-00001.csv.gz"]}, "new", "2026-02-02T03:00:00Z")
    put(where / "part_1_0001.csv.gz", b"half")
    founds = {found.name.rsplit("/", 1)[-1]: found for found in find(tmp_path)}
    assert {name: found.status for name, found in founds.items()} == {"old": "complete", "new": "incomplete"}
    assert "has 4 bytes where the manifest says" in founds["new"].reason
    (where / "part_1_0001.csv.gz").unlink()
    founds = {found.name.rsplit("/", 1)[-1]: found for found in find(tmp_path)}
    assert "part_1_0001.csv.gz is not there yet" in founds["new"].reason


def test_a_run_on_its_way_is_told_beside_the_whole_one(tmp_path: Path) -> None:
    """Fails when blobs of the next run count as leftovers of the former while their manifest is missing (fault 4)."""
    azure_run(tmp_path, ONE, "old", "2026-02-01T03:00:00Z", at="2026-02-01T03:05:00Z")
    where = azure_run(tmp_path, ONE, "new", "2026-02-01T03:00:00Z", at="2026-02-01T03:01:00Z")
    (where / "manifest.json").unlink()
    found = {one.status: one for one in find(tmp_path)}
    assert found["complete"].name == "azure/focus-cost/2026-01/old"
    assert found["incomplete"].reason == "no manifest lists these 1 files; since 2026-02-01T03:01:00+00:00"


@given(order=st.permutations(range(6)), scans=st.sets(st.integers(0, 5)))
@settings(max_examples=30, deadline=None)
def test_arrival_order_does_not_decide_which_run_is_current(
    order: list[int], scans: set[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Fails when scanning at any moment of any order of arrival ends with another current version (fault 6)."""
    origin, inbox = tmp_path_factory.mktemp("origin"), tmp_path_factory.mktemp("inbox")
    parts = []
    for run, day in (("m", 1), ("z", 2), ("a", 3)):
        where = azure_run(origin, {"1.csv": csv_bytes([row(BilledCost=str(day))])}, run, f"2026-02-0{day}T03:00:00Z")
        parts += [where / "1.csv", where / "manifest.json"]
    landed = {}
    for position, part in enumerate(order):
        put(inbox / parts[part].relative_to(origin), parts[part].read_bytes())
        if position in scans or position == 5:
            landed |= {found.version: found.name for found in find(inbox) if found.status == "complete"}
    assert landed[max(landed)] == "azure/focus-cost/2026-01/a"


def test_a_month_without_rows_needs_a_manifest_that_announces_it(tmp_path: Path) -> None:
    """Fails when a header alone counts as a bill of nothing, or an announced one does not (fault 9)."""
    empty = {"1.csv": csv_bytes([])}
    manual(tmp_path, empty)
    azure_run(tmp_path, empty, "r", "2026-02-02T03:00:00Z")
    aws_export(tmp_path, empty)
    assert described(find(tmp_path)) == [
        ("acme", "2026-01", "held"),
        ("aws/focus-export", "2026-01", "complete"),
        ("azure/exports/focus-cost", "2026-01", "complete"),
    ]


def test_a_manifest_that_is_none_is_reported(tmp_path: Path) -> None:
    """Fails when a cut or foreign manifest stops the scan of the rest or is passed over (fault 21)."""
    aws_export(tmp_path, ONE)
    contents = {
        "cut": b'{"blobs": [',
        "nameless": b'{"blobs": [{"byteCount": 1}], "runInfo": {}}',
        "runless": b'{"blobs": []}',
        "listless": b'{"blobs": "all", "runInfo": {}}',
        "foreign": b'{"entries": []}',
        "array": b"[]",
    }
    for name, content in contents.items():
        put(tmp_path / "focus/azure" / name / "20260101-20260131/run/manifest.json", content)
    found = find(tmp_path)
    assert [one.status for one in found].count("incomplete") == len(contents)
    assert the_one(tmp_path).account == "aws/focus-export"
    blobless = {"blobs": [], "runInfo": {"runId": 4, "submittedTime": "soon", "startDate": 5}}
    put(tmp_path / "focus/azure/x/20260101-20260131/run/manifest.json", json.dumps(blobless).encode())
    assert "the manifest lists no file" in {one.reason for one in find(tmp_path)}


@given(path=st.text(alphabet="ab./\\'\"\n\0é", max_size=30))
@settings(max_examples=60, deadline=None)
def test_no_listed_blob_leads_out_of_the_inbox(path: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Fails when a blob's name is followed instead of looked up among the listed files (faults 13, 14)."""
    inbox = tmp_path_factory.mktemp("inbox")
    blobs = [{"blobName": "../" * 9 + path}, {"blobName": "/etc/passwd"}]
    document = {"blobs": blobs, "runInfo": {"startDate": "2026-01-01T00:00:00", "submittedTime": "2026-02-01T00:00Z"}}
    put(inbox / "focus/azure/x/20260101-20260131/run/manifest.json", json.dumps(document).encode())
    (found,) = find(inbox)
    assert (found.status, found.files) == ("incomplete", ())


@pytest.mark.parametrize("key", ["focus/azure/manifest.json", "focus/BILLING_PERIOD=2026-01/x-Manifest.json"])
def test_a_manifest_anywhere_has_an_account(key: str, tmp_path: Path) -> None:
    """Fails when a manifest right below the feed's folder gives a delivery of no account."""
    document = {"dataFiles": ["1.csv"], "billingPeriod": {"start": "2026-01-01T00:00:00Z"}}
    if "azure" in key:
        document = {"blobs": [{"blobName": "1.csv"}], "runInfo": {"startDate": "2026-01-01T00:00:00"}}
    put(tmp_path / key, json.dumps(document).encode())
    put((tmp_path / key).parent / "1.csv", csv_bytes([row()]))
    found = the_one(tmp_path)
    assert found.account.startswith(key.split("/")[1]) and found.period == "2026-01"


def test_only_the_asked_month_is_looked_at(tmp_path: Path) -> None:
    """Fails when a run of one month reads another's manifests or deliveries."""
    aws_export(tmp_path, ONE)
    aws_export(tmp_path, ONE, period="2026-02")
    put(tmp_path / "focus/azure/x/20260301-20260331/run/manifest.json", b"{ cut")
    assert [found.period for found in find(tmp_path, "2026-02")] == ["2026-02"]


def test_names_may_hold_any_character(tmp_path: Path) -> None:
    """Fails when a quote, a new line or a letter beyond ASCII in a name breaks finding or reading (fault 14)."""
    azure_run(tmp_path, {'it\'s "a";--\n é.csv': csv_bytes([row()])}, "r;'", "2026-02-02T03:00:00Z", export="dé;'ly")
    good, _ = load(tmp_path)
    assert good["source_file"][0].endswith('it\'s "a";--\n é.csv')
