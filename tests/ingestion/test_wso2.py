"""API gateway events from file to landed row: what is kept, what is refused, what is never kept."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingestion.contracts import load_contract
from ingestion.lake import Lake
from ingestion.landing import land
from ingestion.sources.wso2 import event_of, named_texts, plan_of
from ingestion.storage import open_storage

EVENT: dict[str, Any] = {
    "apiCreator": "ann",
    "apiId": "weather-1",
    "apiName": "Weather",
    "apiVersion": "1.0.0",
    "apiMethod": "GET",
    "apiResourceTemplate": "/forecast/{city}",
    "applicationId": "app-1",
    "applicationName": "Shop",
    "applicationOwner": "olga",
    "correlationId": "c-1",
    "eventType": "response",
    "keyType": "PRODUCTION",
    "proxyResponseCode": 200,
    "requestTimestamp": "2026-01-31T23:59:59.5Z",
    "userAgent": "Chrome",
    "userIp": "203.0.113.7",
    "userName": "kim@carbon.super",
    "properties": {"responseSize": 133, "userName": "kim@carbon.super", "apiContext": "/weather/1.0.0"},
}
LANDED = {
    "event_id": "c-1",
    "api_id": "weather-1",
    "api_name": "Weather",
    "api_version": "1.0.0",
    "provider_id": "ann",
    "application_id": "app-1",
    "application_name": "Shop",
    "consumer_id": "kim@carbon.super",
    "event_type": "response",
    "status": 200,
    "bytes": 133,
    "key_type": "PRODUCTION",
    "method": "GET",
    "resource": "/forecast/{city}",
}


def event(**changes: Any) -> dict[str, Any]:
    """The event with members changed; None takes a member out."""
    return {name: value for name, value in (EVENT | changes).items() if value is not None}


def line(**changes: Any) -> str:
    return json.dumps(event(**changes))


def deliver(inbox: Path, name: str, *lines: str | bytes) -> None:
    path = inbox / "api" / "wso2" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    content = b"".join((each if isinstance(each, bytes) else each.encode()) + b"\n" for each in lines)
    path.write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)


def rows(lake: Lake) -> pl.DataFrame:
    files = lake.current_files("wso2.events")
    return pl.concat([pl.read_parquet(file) for file in files]).sort("source_file", "source_row")


def quarantined(lake: Lake) -> list[tuple[int, str, str | None, str]]:
    """(row, reason, column, payload) of all rejected rows."""
    frames = [pl.read_parquet(file) for file in lake.quarantine_files()]
    if not frames:
        return []
    return pl.concat(frames).sort("source_row").select("source_row", "reason", "column_name", "payload").rows()


def test_every_spelling_of_an_event_lands_as_the_same_row(inbox: Path, lake: Lake) -> None:
    """Fault 18. Fails when an envelope, the ELK log's prefix, a text for a number or a place changes a value."""
    spelt = [
        line(),
        json.dumps({"_source": "moesif", "event": event()}),
        json.dumps({"_index": "apim", "_source": event()}),
        f"[2026-01-31 23:59:59,500]  INFO - ELKCounterMetric apimMetrics: apim:response, properties :{line()}",
        line(proxyResponseCode="200", properties={"responseSize": "133"}, requestTimestamp="1769903999500"),
        line(properties=None, responseSize=133, requestTimestamp="2026-02-01T00:59:59.500+01:00"),
    ]
    deliver(inbox, "eu/a.ndjson", *spelt)
    report = land("wso2", open_storage(inbox), lake)
    assert (report.rows_loaded, report.rows_quarantined) == (len(spelt), 0)
    landed = rows(lake)
    assert landed.select(*LANDED).rows(named=True) == [LANDED] * len(spelt)
    assert set(landed["occurred_at"]) == {datetime(2026, 1, 31, 23, 59, 59, 500000)}
    assert {str(day) for day in landed["billing_period"]} == {"2026-01-01"}


def test_what_an_event_does_not_name_is_unknown_and_still_counted(inbox: Path, lake: Lake) -> None:
    """Fault 41. Fails when an event without an application or a user falls out of one of the three ways."""
    deliver(
        inbox,
        "a.ndjson",
        line(userName=None),
        line(userName=None, properties={}, applicationOwner=""),
        line(apiId=None, applicationId=None),
        json.dumps({"correlationId": "c-2", "requestTimestamp": "2026-01-01T00:00:00Z", "proxyResponseCode": -1}),
    )
    assert land("wso2", open_storage(inbox), lake).rows_loaded == 4
    found = rows(lake).select("api_id", "provider_id", "application_id", "consumer_id", "status", "bytes").rows()
    assert found == [
        ("weather-1", "ann", "app-1", "kim@carbon.super", 200, 133),
        ("weather-1", "ann", "app-1", "UNKNOWN", 200, None),
        ("Weather", "ann", "Shop", "kim@carbon.super", 200, 133),
        ("UNKNOWN", "UNKNOWN", "UNKNOWN", "UNKNOWN", None, None),
    ]


BAD = [
    ("{", "not_json", None),
    ("[1]", "not_an_event", None),
    (line(correlationId=" "), "missing_required", "event_id"),
    (line(requestTimestamp=None), "missing_required", "occurred_at"),
    (line(requestTimestamp="2026-02-30T00:00:00Z"), "bad_timestamp", "occurred_at"),
    (line(requestTimestamp="01/02/2026"), "bad_timestamp", "occurred_at"),
    (line(requestTimestamp="infinity"), "bad_timestamp", "occurred_at"),
    (line(proxyResponseCode="ok"), "not_a_number", "status"),
    (line(proxyResponseCode=200.5), "not_a_number", "status"),
    (line(proxyResponseCode=-2), "below_minimum", "status"),
    (line(properties={"responseSize": 10**30}), "too_many_digits", "bytes"),
    (line(properties={"responseSize": 1e400}), "not_a_text", "bytes"),
    (line(applicationId=["app-1"]), "not_a_text", "application_id"),
    (line(applicationId=True), "not_a_text", "application_id"),
    (line(apiCreator="\ud800"), "not_a_text", "provider_id"),
    (line(apiCreator="a\0b"), "not_a_text", "provider_id"),
]


def test_bad_lines_are_quarantined_with_row_reason_and_column_and_good_ones_load(inbox: Path, lake: Lake) -> None:
    """Faults 22, 24, 26 and 27. Fails when a bad line is guessed at, hides a good one, or is in neither place."""
    deliver(inbox, "eu/a.ndjson.gz", line(), *(text for text, *_ in BAD), "", line(correlationId="c-2"))
    report = land("wso2", open_storage(inbox), lake)
    assert (report.rows_in, report.rows_loaded, report.rows_quarantined) == (len(BAD) + 2, 2, len(BAD))
    found = [(row, reason, column) for row, reason, column, _ in quarantined(lake)]
    assert found == [(row, reason, column) for row, (_, reason, column) in enumerate(BAD, start=2)]
    assert rows(lake)["source_row"].to_list() == [1, len(BAD) + 2]


def test_nothing_but_what_the_contract_names_leaves_the_file(inbox: Path, lake: Lake) -> None:
    """Fault 34. Fails when an address, a user agent or a path lands, is quarantined or is told in a message."""
    secrets = ("203.0.113.7", "Chrome", "/weather/1.0.0")
    torn = f'{{"userIp": "{secrets[0]}", "userAgent": "Chrome", '
    deliver(inbox, "eu/a.ndjson", line(), line(proxyResponseCode="no"), line(apiId=[1]), torn, f'["{secrets[0]}"]')
    report = land("wso2", open_storage(inbox), lake)
    assert report.rows_quarantined == 4
    told = [str(rows(lake).rows()), str(quarantined(lake)), *report.messages]
    assert not [text for text in told for secret in (*secrets,) if secret in text]
    assert "kim@carbon.super" not in " ".join(report.messages)
    assert json.loads(quarantined(lake)[2][3]) == {"line_length": str(len(torn.strip()))}


def test_the_same_file_again_is_no_change_under_any_name(inbox: Path, lake: Lake) -> None:
    """Fault 1. Fails when a repeated file adds rows."""
    deliver(inbox, "eu/a.ndjson", line())
    land("wso2", open_storage(inbox), lake)
    deliver(inbox, "eu/deeper/b.ndjson", line())
    assert land("wso2", open_storage(inbox), lake).landed == 0
    assert rows(lake).height == 1


@pytest.mark.parametrize(
    "content",
    [b"\n\n", b"<html></html>", b"\x89PNG\r\n\x1a\n", b"\x1f\x8b broken", b"name,value\na,1\n", b"[1]\n[2]\n", b"a\0b"],
)
def test_a_file_of_something_else_is_refused_whole(inbox: Path, lake: Lake, content: bytes) -> None:
    """Faults 7 to 10 and 26. Fails when an error page, a picture or a table looks like quarantined requests."""
    path = inbox / "api" / "wso2" / "eu" / "bad.ndjson"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    report = land("wso2", open_storage(inbox), lake)
    assert (report.landed, report.rejected) == (0, 1)
    assert "contract wso2.events" in report.messages[0]
    assert lake.current_files("wso2.events") == []


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_read_and_no_part_of_the_first_event(inbox: Path, lake: Lake, mark: str) -> None:
    """Faults 25 and 26."""
    path = inbox / "api" / "wso2" / "eu" / "a.ndjson"
    path.parent.mkdir(parents=True)
    path.write_bytes(f"{line()}\n".encode(mark))
    assert land("wso2", open_storage(inbox), lake).rows_loaded == 1
    assert rows(lake)["event_id"].to_list() == ["c-1"]


def test_a_file_by_any_name_is_read_and_one_still_copied_waits(inbox: Path, lake: Lake) -> None:
    """Fault 14. Fails when a name with quotes, a line break or accents is not read, or half a file is."""
    names = ["eu/a';--\"x.ndjson", "e\u00fc/\u00e9\n.ndjson", "beside.ndjson", "eu/half.ndjson.part", "eu/.hidden"]
    for number, name in enumerate(names):
        deliver(inbox, name, line(correlationId=str(number)))
    report = land("wso2", open_storage(inbox), lake)
    assert (report.landed, report.incomplete) == (3, 2)
    assert set(rows(lake)["event_id"]) == {"0", "1", "2"}


def test_ids_are_kept_to_the_letter(inbox: Path, lake: Lake) -> None:
    """Fault 28. Fails when a zero, a blank or the case of an id is lost."""
    deliver(inbox, "a.ndjson", line(applicationId="000123", apiCreator=" Ann ", userName="\u00a0k\u0131m"))
    land("wso2", open_storage(inbox), lake)
    assert rows(lake).select("application_id", "provider_id", "consumer_id").rows() == [
        ("000123", " Ann ", "\u00a0k\u0131m")
    ]


@given(st.text(), st.dictionaries(st.sampled_from([*EVENT, "event", "x"]), st.none() | st.text() | st.integers()))
@example("", {"applicationId": "a\0"})
@example("", {"correlationId": "\0", "apiId": "\0", "applicationId": "a"})  # the first alone is told
def test_any_line_is_an_event_or_has_a_reason(text: str, members: dict[str, Any]) -> None:
    """Fault 10, fuzzed. Fails when a line raises, or an event says something of a column that it does not hold."""
    plan = plan_of(load_contract("wso2.events"))
    for given_line in filter(None, (text.strip(), json.dumps(members))):
        read, reason = event_of(given_line)
        assert reason in (None, "not_json", "not_an_event")
        named, blamed = named_texts(read, plan)
        to_blame = [entry[0] for entry in plan if named_texts(read, [entry])[1]]
        assert blamed == next(iter(to_blame), None)
        unnamed = {name for name, value in named.items() if value is None}
        assert unnamed.isdisjoint({"api_id", "provider_id", "application_id", "consumer_id"}.difference(to_blame))
    expected = members.get("applicationId")
    if isinstance(expected, str) and expected.strip() and expected != "-1":
        assert named["application_id"] == (None if "\0" in expected else expected)
