"""Usage events from file to landed row: what is kept, what is refused, and that repetition changes nothing."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ingestion.lake import Lake
from ingestion.landing import land
from ingestion.sources.cloudevents import BadEvent, event_of
from ingestion.storage import open_storage

EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "1",
    "source": "gateway",
    "type": "api.calls",
    "subject": "api_application:shop",
    "time": "2026-01-31T23:59:59.5Z",
    "data": {"value": 3, "region": "eu", "amount": 10.10, "free": True},
}


def line(**changes: Any) -> str:
    """The event as one line, with members changed; None takes a member out."""
    return json.dumps({name: value for name, value in (EVENT | changes).items() if value is not None})


def deliver(inbox: Path, name: str, *lines: str) -> None:
    path = inbox / "usage" / "cloudevents" / "gateway" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{each}\n" for each in lines).encode()
    path.write_bytes(gzip.compress(text, mtime=0) if name.endswith(".gz") else text)


def rows(lake: Lake) -> pl.DataFrame:
    files = lake.current_files("cloudevents.events")
    return pl.concat([pl.read_parquet(file) for file in files]).sort("source", "event_id", "source_row")


def test_an_event_keeps_its_digits_its_subject_and_its_data() -> None:
    """Fails when a number passes through a float, or a member of data is lost."""
    read = event_of(line(data={"value": "0.1000000000000000055", "amount": 10.10, "deep": {"b": 1, "a": None}}))
    assert read["value"] == Decimal("0.100000000000")
    assert (read["resource_kind"], read["resource_id"]) == ("api_application", "shop")
    assert json.loads(read["data"]) == {
        "value": "0.1000000000000000055",
        "amount": "10.1",
        "deep": '{"a":null,"b":"1"}',
    }
    assert event_of(line(subject="k:a:b"))["resource_id"] == "a:b"
    assert event_of(line(data={"value": "ann"}))["text_value"] == "ann"
    assert event_of(line(data={"value": "a\\u0000"}))["text_value"] == "a\\u0000"  # six letters, no NUL
    assert event_of(line(data=None))["value"] is None


@pytest.mark.parametrize(
    ("text", "reason", "column"),
    [
        ("{", "not_json", None),
        ("[1]", "not_an_event", None),
        (line(id=None), "missing_required", "id"),
        (line(source=" "), "missing_required", "source"),
        (line(subject="shop"), "bad_subject", "subject"),
        (line(time="yesterday"), "bad_timestamp", "time"),
        (line(data=[1]), "data_is_no_object", "data"),
        (line(data={"value": 1e40}), "too_many_digits", "value"),
        (line().replace("10.1", "NaN"), "not_finite", "data"),
        (line(id="\ud800"), "not_a_text", None),
        (line(data={"value": "\udfff"}), "not_a_text", None),
        (line(subject="device:a\0b"), "not_a_text", None),
        (line(data={"a\0": 1}), "not_a_text", None),
    ],
)
def test_a_line_that_is_no_event_names_its_fault(text: str, reason: str, column: str | None) -> None:
    """Fails when a bad line is guessed at, or its fault is not told."""
    with pytest.raises(BadEvent) as told:
        event_of(text)
    assert (told.value.reason, told.value.column) == (reason, column)


def test_good_lines_land_by_month_and_bad_ones_are_quarantined(inbox: Path, lake: Lake) -> None:
    """Faults 32 and 44. Fails when a bad line takes good ones with it, or a row is in neither place."""
    deliver(
        inbox,
        "a.ndjson.gz",
        line(),
        "no json",
        "",
        line(id="2", time="2026-02-01T00:00:00+01:00"),
        line(id="3", time="2026-02-01T00:00:00Z"),
    )
    report = land("cloudevents", open_storage(inbox), lake)
    assert (report.landed, report.rows_in, report.rows_loaded, report.rows_quarantined) == (1, 4, 3, 1)
    landed = rows(lake)
    assert landed["occurred_at"].to_list() == [
        datetime(2026, 1, 31, 23, 59, 59, 500000),
        datetime(2026, 1, 31, 23),
        datetime(2026, 2, 1),
    ]
    assert [str(day)[:7] for day in landed["billing_period"]] == ["2026-01", "2026-01", "2026-02"]
    assert landed["source_row"].to_list() == [1, 3, 4]


def test_the_same_file_again_is_no_change_under_any_name(inbox: Path, lake: Lake) -> None:
    """Fault 1. Fails when a repeated file adds rows."""
    deliver(inbox, "a.ndjson", line())
    land("cloudevents", open_storage(inbox), lake)
    deliver(inbox, "b.ndjson", line())
    report = land("cloudevents", open_storage(inbox), lake)
    assert report.landed == 0
    assert rows(lake).height == 1


@pytest.mark.parametrize(
    "content",
    [
        b"\n\n",
        b"<html></html>",
        b"\xff\xfe\xfa",
        b"\x1f\x8b broken",
        b"id,value\n1,2\n",
        b"502 Bad Gateway",
        json.dumps([EVENT]).encode(),
        json.dumps(EVENT, indent=1).encode(),
    ],
)
def test_a_file_without_events_is_refused_whole(inbox: Path, lake: Lake, content: bytes) -> None:
    """Faults 7 to 10. Fails when an outage, an error page or another format looks like zero usage."""
    path = inbox / "usage" / "cloudevents" / "gateway" / "bad.ndjson"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    report = land("cloudevents", open_storage(inbox), lake)
    assert (report.landed, report.rejected) == (0, 1)
    assert lake.current_files("cloudevents.events") == []


def test_a_void_changes_the_month_of_its_event_however_late_it_comes(inbox: Path, lake: Lake) -> None:
    """Fails when January stays as it was made though an event of it is taken back in April, or is made again for voids
    that are none of its business."""
    months = ("2025-11", "2025-12", "2026-01", "2026-02", "2026-04")

    def changed(name: str, **event: Any) -> list[str]:
        before = {month: lake.inputs_hash(month) for month in months}
        deliver(inbox, name, line(**({"time": "2026-04-10T00:00:00Z"} | event)))
        land("cloudevents", open_storage(inbox), lake)
        return [month for month in months if lake.inputs_hash(month) != before[month]]

    assert changed("january.ndjson", id="1", time="2026-01-10T00:00:00Z") == [
        "2025-12",
        "2026-01",
        "2026-02",
        "2026-04",
    ]
    assert changed("april.ndjson", id="2") == ["2026-04"]
    assert changed("of-nobody.ndjson", id="3", data={"voids": "unknown"}) == ["2026-04"]
    assert changed("of-another-source.ndjson", id="4", source="other", data={"voids": "1"}) == ["2026-04"]
    assert changed("of-its-own-month.ndjson", id="5", data={"voids": "2"}) == ["2026-04"]
    # What a month left is carried into the next ones.
    assert changed("late.ndjson", id="6", data={"voids": "1"}) == ["2025-12", "2026-01", "2026-02", "2026-04"]
