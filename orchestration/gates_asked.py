"""What the close gate says of every seller's month, asked when the month is made, for `fct_close_gates` and the site.

It decides nothing: `meterhouse issue` asks again, and runs the blocking checks again. Of a month that is closed
they are the answers that the ledger keeps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import duckdb

from ingestion.lake import Lake
from ingestion.storage import open_storage
from invoicing import close_gate
from invoicing.close_gate import Gate, Month
from invoicing.entries import Entry
from invoicing.ledger import Damaged, Ledger
from orchestration import exposing, period_state, run, warehouse
from orchestration.periods import month_of
from orchestration.settings import Settings

Row = dict[str, Any]


def sellers(lake: Lake) -> list[str]:
    """Everybody who sells on an agreement of the newest catalog, but for vendors, whose bills are their own."""
    agreements, parties = lake.rows_of("agreements"), lake.rows_of("parties")
    if agreements is None:
        return []
    roles = dict(parties.select("party_id", "role").iter_rows()) if parties is not None else {}
    return sorted(seller for seller in set(agreements["seller_id"]) if roles.get(seller) != "vendor")


def keep_answers(settings: Settings, period: str) -> list[Row]:
    """Asks every gate of every seller for the month that is being made, and puts the answers in its place in
    `lake.close_gates`; returns them. The month counts as done: its models are built and their blocking tests passed."""
    lake = Lake(open_storage(settings.lake_uri))
    ledger = Ledger(lake.storage)
    with warehouse.opened(settings) as connection:
        rows: list[Row] = []
        states = period_state.done(connection) | period_state.started(connection, period)
        stale = run.plan(lake.inputs_hash, [period], states)
        for seller_id in sorted({*sellers(lake), *_closed_by(connection, period)}):
            try:
                head = ledger.head(seller_id)
            except Damaged as error:
                damaged = _rows(seller_id, month_of(period), [Gate("ledger", False, str(error))], {}, _now(settings))
                rows += [row | {"waivable": False} for row in damaged]
                continue
            if period <= head.last_period and (entry := _closing(ledger, seller_id, period)):
                rows += _recorded(entry)
                continue
            month = Month(
                seller_id=seller_id,
                period=month_of(period),
                now=_now(settings),
                stale=stale,
                done=list(states),
                failed_checks=[],
                quarantine_threshold=settings.quarantine_threshold,
                ledger=ledger,
                head=head,
            )
            rows += _asked(connection, month)
        exposing.show_close_gates(connection, lake, month_of(period), rows)
    return rows


def _now(settings: Settings) -> datetime:
    return settings.clock.astimezone(UTC).replace(tzinfo=None)


def _closed_by(connection: duckdb.DuckDBPyConnection, period: str) -> set[str]:
    query = "select seller_id from lake.ledger_closes where billing_period = ?"
    return {seller for (seller,) in connection.execute(query, [month_of(period)]).fetchall()}


def _closing(ledger: Ledger, seller_id: str, period: str) -> Entry | None:
    """The entry that closed the month; none for a month before the seller's first."""
    return next((entry for entry in ledger.of(seller_id) if entry.closes and entry.period == period), None)


def _asked(connection: duckdb.DuckDBPyConnection, month: Month) -> list[Row]:
    gates = [
        replace(gate, detail="green when the month was made; run again before it is issued")
        if gate.name == "checks"
        else gate
        for gate in close_gate.examine(connection, month)
    ]
    return _rows(month.seller_id, month.period, gates, {}, month.now)


def _recorded(entry: Entry) -> list[Row]:
    """The answers with which the month was closed."""
    document = entry.document
    gates = [Gate(gate["gate"], gate["passed"], gate["detail"]) for gate in document["gates"]]
    waivers = {waiver["gate"]: waiver["why"] for waiver in document["waivers"]}
    asked_at = datetime.fromisoformat(document["issued_at"]).replace(tzinfo=None)
    return _rows(entry.seller_id, month_of(entry.period), gates, waivers, asked_at)


def _rows(
    seller_id: str, period: date, gates: Iterable[Gate], waivers: Mapping[str, str], asked_at: datetime
) -> list[Row]:
    return [
        {
            "seller_id": seller_id,
            "billing_period": period,
            "gate_number": number,
            "gate": gate.name,
            "passed": gate.passed,
            "detail": gate.detail,
            "waivable": gate.waivable,
            "waived_because": waivers.get(gate.name),
            "asked_at": asked_at,
        }
        for number, gate in enumerate(gates, start=1)
    ]
