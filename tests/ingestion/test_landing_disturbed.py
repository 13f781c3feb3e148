"""Landing disturbed: killed at any point, run twice at once, overtaken by writers of the inbox."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aws_cur_inbox import PAYER, csv_bytes, line, manual, put
from landed_world import FEEDS, JANUARY, METRIC, a_world, rows, run, sample_file, tree

from ingestion.contracts import Contract
from ingestion.deliveries import Found, Rows
from ingestion.lake import Lake
from ingestion.landing import land
from ingestion.sources import aws_cur, edge
from ingestion.storage import Storage, open_storage

KILLED = """
import sys
from ingestion.lake import Lake
from ingestion.landing import land
from ingestion.storage import open_storage
feed, inbox, lake = sys.argv[1:]
land(feed, open_storage(inbox), Lake(open_storage(lake)))
"""


def in_a_process(feed: str, inbox: Path, lake: Path, fault: str = "") -> subprocess.Popen[bytes]:
    environment = {**os.environ, "METERHOUSE_FAULT": fault, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", KILLED, feed, str(inbox), str(lake)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)


@pytest.mark.slow
@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize(
    "point", ["land_before_data", "land_after_data", "land_before_manifest", "land_after_manifest"]
)
def test_a_landing_that_was_killed_ends_as_if_it_had_not_been(
    inbox: Path, tmp_path: Path, feed: str, point: str
) -> None:
    """Fails when a kill -9 leaves something half landed, or the next run writes other bytes (fault 61)."""
    a_world(inbox)
    run(feed, inbox, tmp_path / "undisturbed")
    process = in_a_process(feed, inbox, tmp_path / "lake", f"{point}:1")
    assert process.wait(60) == -9, process.stderr and process.stderr.read()
    for killed in (Lake(open_storage(tmp_path / "lake")),):
        committed = sum(len(manifest.deliveries) for manifest in killed.manifests())
        assert (committed > 0) == (point == "land_after_manifest")
    run(feed, inbox, tmp_path / "lake")
    assert tree(tmp_path / "lake") == tree(tmp_path / "undisturbed")


@pytest.mark.slow
def test_two_landings_at_once_are_one(inbox: Path, tmp_path: Path) -> None:
    """Fails when two processes that land the same inbox load a delivery twice, or one of them breaks (fault 63)."""
    for number in range(40):
        sample_file(inbox, f"{number}.json", (number, JANUARY + number))
    racers = [in_a_process("edge", inbox, tmp_path / "lake") for _ in range(3)]
    for number in range(40, 60):  # files that some of the racers see
        sample_file(inbox, f"{number}.json", (number, JANUARY + number))
    for racer in racers:
        assert racer.wait(120) == 0, racer.stderr and racer.stderr.read()
    _, lake = run("edge", inbox, tmp_path / "lake")
    assert sorted(rows(lake, "edge.samples")["value"].to_list()) == [Decimal(number) for number in range(60)]


def test_a_file_that_changes_while_it_is_read_does_not_land(
    inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when rows of two contents land as one delivery, under the hash of the first (fault 15)."""
    manual(inbox, {"1.csv": csv_bytes([line()])})
    read = aws_cur.read

    def meanwhile(storage: Storage, found: Found, contract: Contract) -> Iterator[Rows]:
        yield from read(storage, found, contract)
        put(inbox / f"aws_cur/{PAYER}/manual/2026-01/first/1.csv", csv_bytes([line(unblendedcost="9")]), "2026-02-02")

    monkeypatch.setattr(aws_cur, "read", meanwhile)
    report, lake = run("aws_cur", inbox, tmp_path / "lake")
    assert (report.landed, report.incomplete, lake.current_files("aws_cur.line_items")) == (0, 1, [])
    assert [row["status"] for row in lake.deliveries()] == ["incomplete"]
    monkeypatch.undo()
    report, lake = run("aws_cur", inbox, tmp_path / "lake")
    assert report.control_totals == {"USD": Decimal(9)}
    assert [row["status"] for row in lake.deliveries()] == ["complete"]


def test_a_file_just_written_is_hashed_again(inbox: Path, tmp_path: Path) -> None:
    """Fails when two writes within one tick of the clock pass for one: the cache would know the first (fault 15)."""
    path = inbox / "edge/telegraf/h1/1.json"
    path.parent.mkdir(parents=True)
    tick = time.time_ns() + 60 * 10**9  # still just written when a landing comes to it after more than two seconds
    path.write_text(METRIC % (1, JANUARY))
    os.utime(path, ns=(tick, tick))
    run("edge", inbox, tmp_path / "lake")
    path.write_text(METRIC % (2, JANUARY))
    os.utime(path, ns=(tick, tick))
    report, lake = run("edge", inbox, tmp_path / "lake")
    assert report.landed == 1
    assert sorted(rows(lake, "edge.samples")["value"].to_list()) == [1, 2]


def test_an_object_overwritten_after_the_listing_does_not_land(
    s3: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when the bytes that land are not those that were listed (fault 15)."""
    remote = open_storage(s3())
    remote.write("edge/telegraf/h1/1.json", (METRIC % (1, JANUARY)).encode())
    find = edge.find

    def meanwhile(*arguments: Any) -> list[Found]:
        found = find(*arguments)
        remote.write("edge/telegraf/h1/1.json", (METRIC % (2, JANUARY)).encode())
        return found

    lake = Lake(open_storage(tmp_path / "lake"))
    with monkeypatch.context() as racing:
        racing.setattr(edge, "find", meanwhile)
        report = land("edge", remote, lake)
        assert (report.landed, report.incomplete) == (0, 1)
    report = land("edge", remote, lake)
    assert (report.landed, rows(lake, "edge.samples")["value"].to_list()) == (1, [2])
