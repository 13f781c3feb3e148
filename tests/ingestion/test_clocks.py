"""Clock skew (fault 38): rows later than their file came, or from before anybody metered, are kept aside and told."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from ingestion.clocks import split
from ingestion.contracts import load_contract
from ingestion.lake import Lake
from ingestion.landing import LandingReport, land
from ingestion.storage import open_storage
from tests.worlds.builder import World, sample

RECEIVED = datetime(2026, 2, 3, 10, tzinfo=UTC)


def _landed(world: World, lake: Lake, feed: str) -> tuple[LandingReport, list[tuple[str, str, str, str]]]:
    """The report, and (account, month, reason, column) of the quarantine."""
    os.utime(world.written[-1], (RECEIVED.timestamp(), RECEIVED.timestamp()))
    report = land(feed, open_storage(world.inbox), lake)
    frames = [pl.read_parquet(uri) for uri in lake.quarantine_files()]
    names = ["account", "billing_period", "reason", "column_name"]
    return report, [tuple(map(str, row)) for frame in frames for row in frame.select(names).sort(names).iter_rows()]


def test_samples_ahead_of_their_file_or_ancient_are_quarantined_and_the_rest_lands(tmp_path: Path, lake: Lake) -> None:
    """Fails when a wrong clock is billed, a right one is not, or nobody is told how far it is off."""
    instants = ("2026-02-03T10:05:00", "2026-02-03T10:05:01", "2099-01-01T00:00:00", "1970-01-01T00:00:05")
    points = [sample(instant, "cpu", seconds=1) for instant in instants]
    report, found = _landed(World(tmp_path).telegraf("edge-01", points), lake, "edge")
    here = ("edge-01", "2026-02-01")
    assert found == [(*here, "clock_ahead", "sampled_at")] * 2 + [(*here, "too_old", "sampled_at")]
    assert (report.rows_in, report.rows_loaded, report.rows_quarantined) == (4, 1, 3)
    ahead = datetime(2099, 1, 1, tzinfo=UTC) - RECEIVED
    assert any(f"up to {ahead.total_seconds():.0f} s after" in message for message in report.messages)


def test_events_ahead_of_their_file_are_quarantined(tmp_path: Path, lake: Lake) -> None:
    events = [
        {"id": instant, "type": "call", "subject": "device:d1", "time": instant, "data": {"value": 1}}
        for instant in ("2026-02-03T09:59:59Z", "2026-02-03T10:06:00Z")
    ]
    report, found = _landed(World(tmp_path).cloudevents("gateway", events), lake, "cloudevents")
    assert found == [("gateway", "2026-02-01", "clock_ahead", "occurred_at")]
    assert report.rows_loaded == 1


@given(st.lists(st.integers(-600, 600), max_size=30))
def test_every_row_is_on_one_side_and_the_side_is_the_clocks(offsets: list[int]) -> None:
    """Fails when a row is lost or doubled, or the border of five minutes moves."""
    contract = load_contract("edge.samples")
    received = RECEIVED.replace(tzinfo=None)
    rows = pl.DataFrame(
        {
            column.name: [received + timedelta(seconds=offset) for offset in offsets]
            if column.name == "sampled_at"
            else [None] * len(offsets)
            for column in contract.columns
        },
        schema={column: kind for column, kind in contract.schema().items() if not column.startswith("source_")},
    ).with_columns(source_file=pl.lit("f"), source_row=pl.int_range(len(offsets), dtype=pl.Int64))
    good, rejected, _ = split(rows, contract, RECEIVED.isoformat())
    assert good["source_row"].to_list() == [row for row, offset in enumerate(offsets) if offset <= 300]
    assert rejected["source_row"].to_list() == [row for row, offset in enumerate(offsets) if offset > 300]
