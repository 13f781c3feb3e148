"""The warehouse as the house sees it: expose the lake to dbt. DuckDB by default, Snowflake where the target says so.

The `lake` schema holds one relation per inbound contract (a view over the current deliveries' Parquet, in place)
and what the lake knows about itself. No arithmetic here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
from iso4217 import Currency

from forecasting.kept import newest
from ingestion.contracts import Contract, inbound_contracts
from ingestion.faultpoints import reached
from ingestion.lake import Lake
from invoicing.ledger import Damaged, Ledger, missing_invoices
from invoicing.relations import relations as ledger_relations
from orchestration.lake_relations import LAKE_RELATIONS
from orchestration.locks import locked
from orchestration.months import month_bounds
from orchestration.periods import period_of
from orchestration.settings import Settings, s3_options
from orchestration.snowflake_lake import Stage
from orchestration.snowflake_session import SCHEMAS, Session, connect

POOL = "warehouse"  # of every Dagster step that opens the file: one at a time


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _empty(columns: Mapping[str, str]) -> str:
    """A select that has the columns' names and types and no row."""
    return (
        "select " + ", ".join(f'cast(null as {type_}) as "{name}"' for name, type_ in columns.items()) + " where false"
    )


def expose_files(connection: duckdb.DuckDBPyConnection, contract: Contract, uris: Sequence[str]) -> None:
    """Makes `lake.<feed>__<table>` a view over Parquet files, in place; empty and typed where there is none."""
    if uris:
        listed = ", ".join(_quoted(uri) for uri in uris)
        columns = ", ".join(f'"{name}"' for name in contract.landed_columns())
        query = f"select {columns} from read_parquet([{listed}], hive_partitioning = false)"
    else:
        query = _empty(contract.landed_columns())
    connection.execute("create schema if not exists lake")
    connection.execute(f'create or replace view lake."{contract.relation}" as {query}')


def create_empty_lake(connection: duckdb.DuckDBPyConnection) -> None:
    """Every relation of the `lake` schema, empty and typed: enough to compile, unit-test and `dbt run --empty`."""
    for contract in inbound_contracts():
        expose_files(connection, contract, [])
    for name, columns in LAKE_RELATIONS.items():
        connection.execute(f"create or replace table lake.{name} as {_empty(columns)}")


def _connect(settings: Settings) -> duckdb.DuckDBPyConnection:
    """Opens the file with the one configuration that all connections of a process must share."""
    path = settings.warehouse_path
    path.parent.mkdir(parents=True, exist_ok=True)
    configuration = {
        "threads": settings.threads,
        "memory_limit": settings.memory_limit,
        "temp_directory": str(path.parent / "temp"),
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
        "extension_directory": str(settings.extensions),
    }
    # A reader outside the house (a notebook, a BI tool) keeps the file for itself: wait for it, then say so.
    patience = time.monotonic() + settings.lock_timeout
    while True:
        try:
            return duckdb.connect(str(path), config=configuration)
        except duckdb.IOException as error:
            if "lock" not in str(error).lower() or time.monotonic() > patience:
                raise
            time.sleep(0.2)


def exists(settings: Settings) -> bool:
    """Is there a warehouse to read? Snowflake's is there for whoever may log in."""
    return settings.target == "snowflake" or settings.warehouse_path.exists()


@contextmanager
def opened(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the warehouse, alone on the file, closed at the end: dbt cannot open it before.

    On Snowflake a `Session`, which answers the same calls.
    """
    with locked(settings, "warehouse"):
        if settings.target == "snowflake":
            session = connect(settings)
            try:
                yield session  # type: ignore[misc]
            finally:
                session.close()
            return
        connection = _connect(settings)
        try:
            connection.execute("set TimeZone = 'UTC'")
            if settings.lake_is_remote:
                _use_s3(connection)
            yield connection
        finally:
            connection.close()


def deleted(settings: Settings) -> str:
    """Deletes the warehouse, which is a cache of the lake; returns what was deleted."""
    if settings.target == "snowflake":
        with opened(settings) as session:
            for schema in SCHEMAS:
                session.execute(f"drop schema if exists {schema} cascade")
        return f"the schemas {', '.join(SCHEMAS)}"
    with locked(settings, "warehouse"):
        for path in settings.warehouse_path.parent.glob(f"{settings.warehouse_path.name}*"):
            path.unlink()
    return str(settings.warehouse_path)


def _use_s3(connection: duckdb.DuckDBPyConnection) -> None:
    """Loads httpfs from the locked requirements (nothing is downloaded) and hands it the endpoint and keys."""
    import duckdb_extension_httpfs  # only needed where the lake is in S3

    root = Path(duckdb_extension_httpfs.__file__).parent / "extensions"
    extension = root / f"v{duckdb.__version__}" / "httpfs.duckdb_extension"
    connection.execute(f"install {_quoted(str(extension))}")  # dbt loads it from the same extension directory
    connection.execute("load httpfs")
    options = ", ".join(f"{name} {_quoted(value)}" for name, value in s3_options().items() if value)
    connection.execute(f"create or replace secret meterhouse (type s3, {options})")


_POLARS = {
    "varchar": pl.String,
    "bigint": pl.Int64,
    "boolean": pl.Boolean,
    "date": pl.Date,
    "timestamp": pl.Datetime("us"),
}


def _polars_type(duckdb_type: str) -> pl.DataType | type[pl.DataType]:
    if duckdb_type.startswith("decimal("):
        precision, scale = duckdb_type[len("decimal(") : -1].split(",")
        return pl.Decimal(int(precision), int(scale))
    return _POLARS[duckdb_type]


def _frame(name: str, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    columns = LAKE_RELATIONS[name]
    return pl.DataFrame(
        {column: [row.get(column) for row in rows] for column in columns},
        schema={column: _polars_type(type_) for column, type_ in columns.items()},
    )


def _write(connection: duckdb.DuckDBPyConnection, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Replaces the table `lake.<name>` by these rows."""
    connection.register("written", _frame(name, rows).to_arrow())
    typed = ", ".join(f'cast("{column}" as {type_}) as "{column}"' for column, type_ in LAKE_RELATIONS[name].items())
    connection.execute(f"create or replace table lake.{name} as select {typed} from written")
    connection.unregister("written")


class _Views:
    """The lake read in place by DuckDB. A kill leaves the former views: they name files that are never edited."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def __enter__(self) -> _Views:
        self._connection.execute("begin")
        self._connection.execute("create schema if not exists lake")
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._connection.execute("rollback" if error else "commit")

    def contract(self, contract: Contract, uris: Sequence[str]) -> None:
        expose_files(self._connection, contract, uris)

    def files(self, name: str, uris: Sequence[str]) -> None:
        _expose_parquet(self._connection, name, uris)

    def rows(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        _write(self._connection, name, rows)


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
        self.load_rows(name, LAKE_RELATIONS[name], _frame(name, rows))


def expose_lake(connection: duckdb.DuckDBPyConnection | Session, lake: Lake, first_period: str, today: date) -> int:
    """Points the `lake` schema at the lake as it is now, in one transaction; returns the number of current files.

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
        shown.rows("as_of", [{"as_of_date": today}])
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
            expose_files(connection, contract, lake.current_files(contract.id))
    _write(connection, "months", _months(connection, first_period, today))


def expose_forecasts(connection: duckdb.DuckDBPyConnection | Session, lake: Lake, today: date) -> None:
    """Points `lake.forecasts` and `lake.forecast_backtests` at the newest forecast, empty where none was made."""
    with _shown(connection, lake) as shown:
        _show_forecasts(shown, lake, today)


def _shown(connection: duckdb.DuckDBPyConnection | Session, lake: Lake) -> _Views | _Tables:
    return _Tables(connection, lake.storage.uri) if isinstance(connection, Session) else _Views(connection)


def _show_forecasts(shown: _Views | _Tables, lake: Lake, today: date) -> None:
    for name, key in newest(lake.storage, today).items():
        shown.files(name, [lake.storage.locate(key)] if key else [])


def _expose_parquet(connection: duckdb.DuckDBPyConnection, name: str, uris: Sequence[str]) -> None:
    """Makes `lake.<name>` a view over Parquet files of that relation's columns; empty and typed where there is none."""
    columns = LAKE_RELATIONS[name]
    if uris:
        listed = ", ".join(_quoted(uri) for uri in uris)
        names = ", ".join(f'"{name}"' for name in columns)
        query = f"select {names} from read_parquet([{listed}], hive_partitioning = false)"
    else:
        query = _empty(columns)
    connection.execute(f"create or replace view lake.{name} as {query}")


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
