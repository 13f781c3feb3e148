"""Vector's native metrics: counters and gauges become samples, everything else is quarantined and counted."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ingestion.deliveries import Refused
from tests.ingestion.edge_inbox import Result, read

COUNTER = {
    "name": "requests_total", "namespace": "nginx", "tags": {"host": "elm", "path": "/", "zone": ["a", None, "b"]},
    "timestamp": "2026-01-01T00:00:00.123456789Z", "kind": "absolute", "counter": {"value": 9007199254740993},
}  # fmt: skip
GAUGE = {"name": "load1", "timestamp": "2026-01-01T01:00:00+01:00", "kind": "absolute", "gauge": {"value": -0.25}}


def delivered(*events: Any) -> Result:
    lines = [event if isinstance(event, str) else json.dumps(event) for event in events]
    return read("\n".join(lines).encode(), "metrics.ndjson", "vector")


def test_counters_and_gauges_are_samples_bare_or_wrapped() -> None:
    """Fails when a name lacks its namespace, a value its digits, a tag its last value, or an instant its zone."""
    found = delivered(COUNTER, {"metric": GAUGE}, "").good.select("source", "series", "labels", "value", "sampled_at")
    assert [(*row[:4], row[4].isoformat()) for row in found.rows()] == [
        ("elm", "nginx_requests_total", '{"path":"/","zone":"b"}', Decimal("9007199254740993"),
         "2026-01-01T00:00:00.123456"),
        ("oak", "load1", "{}", Decimal("-0.25"), "2026-01-01T00:00:00"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"log": {"message": "x"}}, "no_metric"),
        ("{broken", "malformed_json"),
        (COUNTER | {"name": ""}, "no_metric"),
        (COUNTER | {"tags": ["a"]}, "malformed_metric"),
        (COUNTER | {"counter": {"value": "7"}}, "malformed_metric"),
        (COUNTER | {"counter": {"value": None}}, "no_value"),
        (COUNTER | {"counter": None, "set": {"values": ["a"]}}, "no_single_value"),
        (COUNTER | {"timestamp": None}, "no_timestamp"),
        (COUNTER | {"timestamp": "yesterday"}, "bad_timestamp"),
        (COUNTER | {"timestamp": {"seconds": 1}}, "bad_timestamp"),
    ],
)
def test_what_is_no_single_value_of_a_time_is_quarantined_beside_the_rest(event: Any, reason: str) -> None:
    """Fault 44. Fails when a line that is no counter or gauge is lost, or takes the others with it."""
    result = delivered(GAUGE, event)
    assert (result.good.height, result.reasons, result.numbered()) == (1, [reason], [1, 2])


def test_a_file_without_one_metric_is_refused() -> None:
    """Fails when another kind of file passes for metrics that measured nothing (fault 10)."""
    with pytest.raises(Refused, match=r"none of 2 lines is a counter or gauge.*Deliver Vector's native metrics"):
        delivered({"log": {"message": "x"}}, "[1]")


@pytest.mark.outside
def test_vectors_own_events_are_samples_or_rejected_rows(outside_data: Path) -> None:
    """Fails when one of the authors' 400 events is lost, or a counter or gauge with a time is none here."""
    path = outside_data / "vector/native-json.public.ndjson"
    events = [json.loads(line)["event"] for line in path.read_text("utf-8").splitlines()]
    result = delivered(*events)
    assert result.numbered() == list(range(1, 401))
    metrics = [event["metric"] for event in events if "metric" in event]
    timed = [m for m in metrics if ("counter" in m or "gauge" in m) and "timestamp" in m]
    unread = result.rejected.filter(result.rejected["reason"].is_in(["no_timestamp", "no_single_value", "no_metric"]))
    assert result.good.height == len(timed) > 30
    assert unread.height == 400 - len(timed)
