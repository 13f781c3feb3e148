"""CloudEvents 1.0: which files came (`find`) and what events they hold (`read`). The generic way in for any usage.

    usage/cloudevents/<source>/…   NDJSON, packed or not: one event in structured JSON mode a line

Every file is a delivery of its own, complete when it appears; events accumulate, keyed (source, id) for ever. Their
meters, voids and conflicts are the warehouse's part: here a line becomes a typed row or goes to the quarantine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import polars as pl

from ingestion.contracts import REJECTED_SCHEMA, Contract
from ingestion.deliveries import Found, Rows
from ingestion.sources.edge_samples import EARLIEST, LATEST, exact_value, instant, refusal
from ingestion.sources.event_files import by_month, find_files, holds_only_texts, numbered_lines

if TYPE_CHECKING:
    from ingestion.deliveries import Terms
    from ingestion.storage import Storage

FEED = "cloudevents"
TABLE = "events"
FOLDER = "usage/cloudevents/"
# A JSON number, or a text that is one. Other texts are kept as texts: unique_count counts them.
_NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)

NO_EVENT = ("not_json", "not_an_event")  # a file of such lines alone is none of this feed

GOOD_SCHEMA = {
    "source": pl.String(),
    "event_id": pl.String(),
    "type": pl.String(),
    "resource_kind": pl.String(),
    "resource_id": pl.String(),
    "microseconds": pl.Int64(),
    "value": pl.Decimal(38, 12),
    "text_value": pl.String(),
    "voids": pl.String(),
    "data": pl.String(),
    "source_file": pl.String(),
    "source_row": pl.Int64(),
}


class BadEvent(ValueError):
    """A line that is no event of ours: `reason` and `column` for the quarantine."""

    def __init__(self, reason: str, column: str | None) -> None:
        super().__init__(reason)
        self.reason, self.column = reason, column


def find(inbox: Storage, period: str | None, terms: Terms) -> list[Found]:
    """All files of all sources, ordered by key. Months and terms do not matter: the events say their time."""
    return find_files(inbox, FEED, TABLE, FOLDER, needs_account=True)


def read(inbox: Storage, found: Found, contract: Contract) -> Iterator[Rows]:
    """The events of one file, in batches per month; raises Refused before the first batch or not at all."""
    key = found.files[0].key
    is_first = True
    for batch in numbered_lines(inbox, found, contract):
        good: dict[str, list[Any]] = {name: [] for name in GOOD_SCHEMA}
        bad: dict[str, list[Any]] = {name: [] for name in REJECTED_SCHEMA}
        for number, line in batch:
            try:
                event = event_of(line)
            except BadEvent as problem:
                for name, value in zip(bad, (key, number, problem.reason, problem.column, line), strict=True):
                    bad[name].append(value)
            else:
                for name, value in {**event, "source_file": key, "source_row": number}.items():
                    good[name].append(value)
        if is_first and not good["source"] and all(reason in NO_EVENT for reason in bad["reason"]):
            raise refusal(key, "holds no JSON object in a line of its own", "Deliver one event a line.", contract)
        is_first = False
        landed = _landed(pl.DataFrame(good, schema=GOOD_SCHEMA), contract)
        yield from by_month(landed, pl.DataFrame(bad, schema=REJECTED_SCHEMA))


def _landed(good: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    timed = good.with_columns(pl.from_epoch("microseconds", time_unit="us").alias("occurred_at"))
    return timed.select(*(column.name for column in contract.columns), "source_file", "source_row")


def event_of(line: str) -> dict[str, Any]:
    """One line -> the event's columns; raises BadEvent. Numbers keep their digits: they are read as texts."""
    try:
        event = json.loads(line, parse_float=str, parse_int=str, parse_constant=_not_finite)
    except (json.JSONDecodeError, RecursionError):
        raise BadEvent("not_json", None) from None
    if not isinstance(event, dict):
        raise BadEvent("not_an_event", None)
    if not holds_only_texts(line, event):
        raise BadEvent("not_a_text", None)
    for name in ("source", "id", "type", "subject", "time"):
        if not isinstance(event.get(name), str) or not event[name].strip():
            raise BadEvent("missing_required", name)
    kind, colon, resource = event["subject"].partition(":")
    if not (kind and colon and resource):
        raise BadEvent("bad_subject", "subject")
    moment = instant(event["time"])
    if moment is None or not EARLIEST <= moment <= LATEST:
        raise BadEvent("bad_timestamp", "time")
    data = event.get("data", {})
    if not isinstance(data, dict):
        raise BadEvent("data_is_no_object", "data")
    value, text_value = _value(data.get("value"))
    return {
        "source": event["source"],
        "event_id": event["id"],
        "type": event["type"],
        "resource_kind": kind,
        "resource_id": resource,
        "microseconds": moment,
        "value": value,
        "text_value": text_value,
        "voids": _text(data.get("voids")),
        "data": json.dumps(
            {name: _text(member) for name, member in data.items() if member is not None},
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
        ),
    }


def _not_finite(name: str) -> None:
    raise BadEvent("not_finite", "data")


def _value(given: Any) -> tuple[Any, str | None]:
    """(number, text) of data.value: a number, a text that is a number, another text, or nothing."""
    text = _text(given)
    if text is None or not _NUMBER.fullmatch(text):
        return None, text
    value, reason = exact_value(text)
    if reason:
        raise BadEvent(reason, "value")
    return value, None


def _text(given: Any) -> str | None:
    """A member of data as text: numbers as delivered, true and false by name, what is nested as JSON."""
    if given is None or isinstance(given, str):
        return given
    return json.dumps(given, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
