"""What dbt sees of the lake: the schema `lake` pointed at the current deliveries and at what the lake knows of itself.

It holds one relation per inbound contract and those of `lake_relations.py`: read in place by DuckDB, copied into
Snowflake. No arithmetic here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import duckdb
from iso4217 import Currency

from forecasting.kept import newest
from ingestion.contracts import Contract, inbound_contracts
from ingestion.faultpoints import reached
from ingestion.lake import Lake
from invoicing.ledger import Damaged, Ledger, missing_invoices
from invoicing.relations import relations as ledger_relations
from orchestration.lake_relations import LAKE_RELATIONS
from orchestration.lake_views import Views, expose_files, frame, write_rows
from orchestration.months import month_bounds
from orchestration.period_state import code_hash
from orchestration.periods import period_of
from orchestration.snowflake_lake import Stage
from orchestration.snowflake_session import Session


class _Tables(Stage):
    """The lake copied into Snowflake."""

    def __init__(self, session: Session, lake_uri: str) -> None:
        super().__init__(session, lake_uri)
        self.prepare({c.relation: c.landed_columns() for c in inbound_contracts()} | LAKE_RELATIONS)

    def contract(self, contract: Contract, uris: Sequence[str]) -> None:
        self.load_files(contract.relation, contract.landed_columns(), uris)

    def files(self, name: str, uris: Sequence[str]) -> None:
        self.load_files(name, LAKE_RELATIONS[name], uris)

    def rows(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        self.load_rows(name, LAKE_RELATIONS[name], frame(name, rows))


def expose_lake(
    connection: duckdb.DuckDBPyConnection | Session,
    lake: Lake,
    first_period: str,
    today: date,
    begun: Iterable[str] = (),
) -> int:
    """Points the `lake` schema at the lake as it is now, in one transaction; returns the number of current files.

    `begun` are the months (YYYY-MM) this warehouse has been asked to make, the one that is to be made now among them.

    Raises Damaged where the warehouse has seen invoices that the ledger does not have.
    """
    ledger = Ledger(lake.storage)
    need_every_invoice_seen(connection, ledger)
    current = 0
    with _shown(connection, lake) as shown:
        for contract in inbound_contracts():
            uris = lake.current_files(contract.id)
            shown.contract(contract, uris)
            current += len(uris)
        reached("load_views")
        shown.rows("deliveries", lake.deliveries())
        shown.rows("delivery_totals", lake.totals())
        shown.files("quarantine", lake.quarantine_files())
        _show_forecasts(shown, lake, today)
        shown.rows("first_delivered", [{"billing_period": lake.first_delivered()}])
        shown.rows("as_of", [{"as_of_date": today}])
        shown.rows("code", [{"code_version": code_hash()}])
        shown.rows("months_begun", [{"billing_period": date.fromisoformat(f"{period}-01")} for period in begun])
        shown.rows("currencies", _currencies())
        shown.rows("months", _months(connection, first_period, today))
        for name, rows in ledger_relations(ledger).items():
            shown.rows(name, rows)
        reached("load_before_commit")
    reached("load_after_commit")
    return current


def need_every_invoice_seen(connection: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    """Raises Damaged where invoices that this warehouse has shown are not in the ledger.

    Fault 68: an older copy of the lake is whole in itself; only who saw more can tell, before it forgets.
    """
    there = (
        "select 1 from information_schema.tables"
        " where lower(table_schema) = 'lake' and lower(table_name) = 'ledger_invoices'"
    )
    if connection.execute(there).fetchone() is None:
        return
    seen = connection.execute("select invoice_id, content_hash from lake.ledger_invoices").fetchall()
    if lost := missing_invoices(ledger, seen):
        raise Damaged(
            f"ledger/: {len(lost)} invoices that this warehouse has shown are missing, {lost[0]} first: an older copy "
            "of the lake was restored, and their numbers would be given again. Put the newer ledger/ and ledger_marks/ "
            "back. Where they are gone for good, `meterhouse rebuild` goes on without them"
        )


def expose_catalog(connection: duckdb.DuckDBPyConnection, lake: Lake, first_period: str, today: date) -> None:
    """Points the catalog's relations alone at another lake's, and makes the months of its time zones."""
    for contract in inbound_contracts():
        if contract.feed == "catalog":
            files = lake.current_files(contract.id)
            expose_files(connection, contract.relation, contract.landed_columns(), files, may_lack=True)
    write_rows(connection, "months", _months(connection, first_period, today))


def expose_forecasts(connection: duckdb.DuckDBPyConnection | Session, lake: Lake, today: date) -> None:
    """Points `lake.forecasts` and `lake.forecast_backtests` at the newest forecast, empty where none was made."""
    with _shown(connection, lake) as shown:
        _show_forecasts(shown, lake, today)


def show_close_gates(
    connection: duckdb.DuckDBPyConnection | Session, lake: Lake, month: date, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Puts what the gates said of a month in the place of what they said before; other months stay."""
    columns = list(LAKE_RELATIONS["close_gates"])
    others = connection.execute(
        f"select {', '.join(columns)} from lake.close_gates where billing_period <> ?", [month]
    ).fetchall()
    with _shown(connection, lake) as shown:
        shown.rows("close_gates", [*(dict(zip(columns, row, strict=True)) for row in others), *rows])


def _shown(connection: duckdb.DuckDBPyConnection | Session, lake: Lake) -> Views | _Tables:
    return _Tables(connection, lake.storage.uri) if isinstance(connection, Session) else Views(connection)


def _show_forecasts(shown: Views | _Tables, lake: Lake, today: date) -> None:
    for name, key in newest(lake.storage, today).items():
        shown.files(name, [lake.storage.locate(key)] if key else [])


def _currencies() -> list[dict[str, Any]]:
    """ISO 4217 currencies that have minor units; gold and its like have none and are no money here."""
    units = {entry.code: entry.exponent for entry in Currency}
    return [{"currency": code, "minor_unit": unit} for code, unit in sorted(units.items()) if unit is not None]


def _months(connection: duckdb.DuckDBPyConnection, first_period: str, today: date) -> list[dict[str, Any]]:
    """UTC bounds of every month of every time zone the parties have, once per (time zone, month)."""
    zones = connection.execute(
        "select distinct time_zone from lake.catalog__parties where time_zone is not null"
    ).fetchall()
    return [
        dict(zip(LAKE_RELATIONS["months"], bounds, strict=True))
        for bounds in month_bounds({zone for (zone,) in zones} | {"UTC"}, first_period, period_of(today))
    ]
