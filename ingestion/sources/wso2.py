"""Analytics events of an API gateway (WSO2 API Manager): which files came (`find`), and their events (`read`).

    api/wso2/…   NDJSON, packed or not: one event a line, bare, in an envelope, or behind the prefix of the ELK log

Every file is a delivery of its own, complete when it appears; events accumulate, keyed by their id for ever. Only what
the contract names is read out of a line: an event also holds addresses and user agents, which concern nobody here.
Conflicts, meters and who pays are the warehouse's part.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import polars as pl

from ingestion.contracts import REJECTED_SCHEMA, Contract, cast
from ingestion.deliveries import Found, Rows
from ingestion.sources.edge_samples import refusal
from ingestion.sources.event_files import by_month, find_files, is_text, numbered_lines

if TYPE_CHECKING:
    from ingestion.deliveries import Terms
    from ingestion.storage import Storage

FEED = "wso2"
TABLE = "events"
FOLDER = "api/wso2/"
ENVELOPES = ("event", "_source")  # members that hold the event: of event streams, and of Elasticsearch's exports
LOG_MARK = "apimMetrics"  # in the ELK log a line's prefix ends where its JSON begins
UNKNOWN = "UNKNOWN"  # WSO2's own word for an API, application or user that it cannot tell
UNKNOWN_NUMBER = "-1"
ALWAYS_SOMEBODY = ("api_id", "provider_id", "application_id", "consumer_id")

Plan = list[tuple[str, tuple[tuple[bool, str], ...]]]  # column -> (is it a member of `properties`, its name), ...


def find(inbox: Storage, period: str | None, terms: Terms) -> list[Found]:
    """All files of all gateways, ordered by key. Months and terms do not matter: the events say their time."""
    return find_files(inbox, FEED, TABLE, FOLDER, needs_account=False)


def read(inbox: Storage, found: Found, contract: Contract) -> Iterator[Rows]:
    """The events of one file, in batches per month; raises Refused before the first batch or not at all."""
    key = found.files[0].key
    plan = plan_of(contract)
    is_first = True
    for batch in numbered_lines(inbox, found, contract):
        texts: dict[str, list[str | None]] = {column: [] for column, _ in plan}
        rows: list[int] = []
        bad: dict[str, list[Any]] = {name: [] for name in REJECTED_SCHEMA}
        for number, line in batch:
            event, reason = event_of(line)
            if reason:
                named, column = {"line_length": str(len(line))}, None
            else:
                named, column = named_texts(event, plan)
                reason = column and "not_a_text"
            if reason:
                payload = json.dumps({name: text for name, text in named.items() if text}, ensure_ascii=False)
                for name, value in zip(bad, (key, number, reason, column, payload), strict=True):
                    bad[name].append(value)
                continue
            rows.append(number)
            for name, text in named.items():
                texts[name].append(text)
        if is_first and not rows and all(reason in ("not_json", "not_an_event") for reason in bad["reason"]):
            raise refusal(key, "holds no JSON object", "Look for a file that belongs to another feed.", contract)
        is_first = False
        frame = pl.DataFrame(texts, schema=dict.fromkeys(texts, pl.String)).with_columns(
            pl.lit(key).alias("source_file"), pl.Series("source_row", rows, dtype=pl.Int64)
        )
        good, rejected = cast(_as_iso(frame), contract)
        yield from by_month(good, pl.concat([pl.DataFrame(bad, schema=REJECTED_SCHEMA), rejected]))


def plan_of(contract: Contract) -> Plan:
    """Where each column's text may stand in an event, in order of preference."""
    plan = []
    for column in contract.columns:
        places = [(name.startswith("properties."), name.removeprefix("properties.")) for name in column.aliases]
        plan.append((column.name, (*places, (False, column.name))))
    return plan


def event_of(line: str) -> tuple[dict[str, Any], str | None]:
    """One line -> the event's members as texts, or why it is none. Numbers are read as texts."""
    if line[0] != "{" and LOG_MARK in line:
        line = line[max(line.find("{"), 0) :]
    try:
        event = json.loads(line, parse_float=str, parse_int=str)
    except (json.JSONDecodeError, RecursionError):
        return {}, "not_json"
    if not isinstance(event, dict):
        return {}, "not_an_event"
    for envelope in ENVELOPES:
        if isinstance(inner := event.get(envelope), dict):
            return inner, None
    return event, None


def named_texts(event: dict[str, Any], plan: Plan) -> tuple[dict[str, str | None], str | None]:
    """The contract's columns, each by the first delivered name that has a value, and the column that is no text."""
    properties = event.get("properties")
    if not isinstance(properties, dict):
        properties = {}
    texts: dict[str, str | None] = {}
    blamed = None
    for column, places in plan:
        found = None
        for is_nested, name in places:
            value = (properties if is_nested else event).get(name)
            if value is None or value == UNKNOWN_NUMBER or value == "":
                continue
            if not is_text(value):
                blamed = blamed or column
            elif value.isspace():
                continue
            else:
                found = value
            break
        else:
            if column in ALWAYS_SOMEBODY:
                found = UNKNOWN
        texts[column] = found
    return texts, blamed


def _as_iso(frame: pl.DataFrame) -> pl.DataFrame:
    """Instants told in milliseconds since 1970, as the ISO texts the contract casts."""
    moment = pl.col("occurred_at")
    milliseconds = moment.str.contains(r"^[0-9]{13}$")
    iso = pl.from_epoch(moment.cast(pl.Int64, strict=False), time_unit="ms").dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
    return frame.with_columns(pl.when(milliseconds).then(iso).otherwise(moment).alias("occurred_at"))
