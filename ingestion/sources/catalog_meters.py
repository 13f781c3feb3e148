"""What a meter may not ask: what has no meaning would be usage of zero that nobody sees. Judges the typed table.

It is refused with the row and what to write instead, as it is where it says two things at once (`catalog_checks.py`).
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import polars as pl

from ingestion.contracts import Contract
from ingestion.deliveries import Refused

API_KINDS = ("api_application", "api_provider", "api_consumer")
API_SERIES = ("wso2_requests", "wso2_bytes", "wso2_consumers")
SAME_SIGN = str.maketrans(".-/", "___")  # series are compared with these read as one

# Of the 32 pairs of a type and an aggregation, those without a meaning, and what to take instead.
WITHOUT_MEANING = {
    ("counter", "mean_time_weighted"): "its reading has no mean worth billing: take sum, or sample_type gauge",
    ("counter", "weighted_sum"): "it is a running sum itself: take sum, or sample_type gauge and mean_time_weighted",
    ("counter", "unique_count"): "its readings are no things to be told apart: take sum or count",
    ("gauge", "weighted_sum"): "it is a level already, not steps to add up: take mean_time_weighted or sum",
    ("delta", "mean_time_weighted"): "a delta holds for no time: take weighted_sum, or sample_type gauge",
    ("event", "mean_time_weighted"): "an event holds for no time: take weighted_sum, or sample_type gauge",
}


def check_meters(rows: pl.DataFrame, contract: Contract, key: str) -> None:
    """Raises Refused, naming row, column and remedy, at the first meter that could never measure what it says."""
    widths: dict[str, dict[Decimal, int]] = defaultdict(dict)
    for meter in rows.sort("source_row").iter_rows(named=True):
        if problem := _without_meaning(meter):
            column, reason = problem
            raise Refused(
                f"{key}, row {meter['source_row']}, column {column}: {reason} "
                f"(contract {contract.id} {contract.version}); deliver the table again"
            )
        if meter["wrap_at"] is not None:
            widths[_series(meter)].setdefault(meter["wrap_at"], meter["source_row"])
    for known in widths.values():
        if len(known) > 1:
            (one, row), (other, other_row), *_ = known.items()
            raise Refused(
                f"{key}, rows {row} and {other_row}, column wrap_at: one series starts over at {one.normalize():f} and "
                f"at {other.normalize():f} (contract {contract.id} {contract.version}); "
                "keep the one that is true and deliver the table again"
            )


def _series(meter: dict[str, Any]) -> str:
    return meter["series"].translate(SAME_SIGN)


def _without_meaning(meter: dict[str, Any]) -> tuple[str, str] | None:
    """(column, what is wrong and what to write instead) of one meter."""
    kind, aggregation, width = meter["sample_type"], meter["aggregation"], meter["wrap_at"]
    if remedy := WITHOUT_MEANING.get((kind, aggregation)):
        return "aggregation", f"a {kind} has no {aggregation}; {remedy}"
    if meter["resource_kind"] in API_KINDS and _series(meter) in API_SERIES and kind in ("counter", "gauge"):
        return "sample_type", f"API requests are events, and a {kind} reads none of them; write event"
    if width is not None and kind != "counter":
        return "wrap_at", f"only a counter starts over, and this is a {kind}; leave it empty"
    if width is not None and width <= 0:
        return "wrap_at", "a counter starts over at a value above 0, e.g. 4294967296; correct it or leave it empty"
    for term in (meter["filter"] or "").split(";"):
        name, equals, _ = term.partition("=")
        if term.strip() and not (name.strip() and equals):
            return "filter", "a term is no key=value; write key=value;key=value, with nothing after = for an absent key"
    return None
