"""What a month would be rated at under another catalog, or under the one known at an earlier time.

A copy of the warehouse gets the catalog's relations of a lake of copies, and the same models rate the month in it. The
home's marts, lake and ledger are read and never written; the copy is deleted at the end. Only P is rated anew: what a
charge carries over from earlier months is what the real catalog rated them at.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from ingestion.catalog_overlay import NoCatalog, copy_standing, overlaid
from ingestion.lake import Lake
from ingestion.storage import open_storage
from orchestration import run, warehouse
from orchestration.exposing import expose_catalog
from orchestration.locks import locked
from orchestration.periods import BadSetting, known_period, month_of
from orchestration.settings import Settings
from orchestration.tables import Row, rows

RATED, UNRATED = "fct_rated_charges", "fct_unrated_usage"
Tell = Callable[[str], None]


@dataclass(slots=True)
class Simulation:
    """What is rated for the month beside what would be, before tax; `charges` and `unrated` where they differ."""

    tables: list[str]  # of the other catalog
    messages: list[str]
    customers: list[Row]
    charges: list[Row]
    unrated: list[Row]


def instant_of(text: str) -> str:
    """An ISO time as the lake writes it (UTC, without zone); raises BadSetting."""
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise BadSetting(f"'{text}' is not a time: write YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ") from None
    return (given.astimezone(UTC) if given.tzinfo else given).replace(tzinfo=None).isoformat()


def simulated(
    settings: Settings, period: str, catalog: str | None, as_of: str | None, tell: Tell = lambda text: None
) -> Simulation:
    """Rates a materialised month under another catalog laid over the real one, or over the one known at `as_of`.

    `catalog` is a folder or s3:// of `<table>.csv` or `<delivered_at>/<table>.csv`; tables it does not hold stand.
    Raises BadSetting, Busy, DbtFailed.
    """
    from orchestration.dbt import build_tables

    if settings.target != "duckdb":
        raise BadSetting(f"METERHOUSE_TARGET={settings.target}: a month is simulated in a copy of the duckdb file only")
    known_period(period, settings.first_period, settings.clock.date())
    month, instant = month_of(period), instant_of(as_of) if as_of else "9999"
    if not catalog and not as_of:
        raise BadSetting("name another --catalog, or a time with --as-of")
    if catalog and "://" not in catalog and not Path(catalog).is_dir():
        raise BadSetting(f"no catalog at {catalog}: name a folder of <table>.csv or <delivered_at>/<table>.csv")
    _need_up_to_date(settings, period)
    with locked(settings, "simulation"), _copied(settings) as copy:
        lake = Lake(open_storage(copy.root / "catalog"))
        tables, messages = [], []
        try:
            last = copy_standing(Lake(open_storage(settings.lake_uri)), lake.storage, instant)
            if catalog:
                tell(f"reading the catalog at {catalog}")
                tables, report = overlaid(lake, open_storage(copy.root / "inbox"), open_storage(catalog), last)
                messages = report.messages
                if report.rejected or report.incomplete:
                    raise BadSetting("\n".join(report.messages))
        except NoCatalog as error:
            raise BadSetting(str(error)) from None
        with warehouse.opened(copy) as connection:
            _remember(connection, month)
            lake.refresh()
            expose_catalog(connection, lake, settings.first_period, settings.clock.date())
        tell(f"rating {period}")
        build_tables(copy, (RATED, UNRATED), month)
        with warehouse.opened(copy) as connection:
            return Simulation(
                tables,
                messages,
                _compared(connection, month, ["seller_id", "buyer_id", "currency"]),
                _different(_compared(connection, month, ["seller_id", "buyer_id", "charge_key", "currency"])),
                _unrated(connection, month),
            )


def _need_up_to_date(settings: Settings, period: str) -> None:
    """The difference must be the catalog's alone, so what it is taken to must be what a run would give."""
    states = run.states_of(settings)
    reason = run.plan(Lake(open_storage(settings.lake_uri)).inputs_hash, [period], states)
    if any(reason.values()):
        why = ", ".join(f"{month}: {text}" for month, text in reason.items() if text)
        raise BadSetting(f"{period} is not materialised as it stands ({why}): `meterhouse run --period {period}` first")


@contextmanager
def _copied(settings: Settings) -> Iterator[Settings]:
    """Settings of a home that has a copy of the warehouse; what dbt parsed there stays for the next time."""
    copy = settings.model_copy(update={"home": settings.root / "simulation", "lake": settings.lake_uri})
    _forget(copy)
    copy.warehouse_path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with locked(settings, "warehouse"):
            for path in settings.warehouse_path.parent.glob(f"{settings.warehouse_path.name}*"):
                shutil.copyfile(path, copy.warehouse_path.parent / path.name)
            if settings.extensions.is_dir():
                shutil.copytree(settings.extensions, copy.extensions)
        yield copy
    finally:
        _forget(copy)


def _forget(copy: Settings) -> None:
    for folder in (copy.warehouse_path.parent, copy.root / "catalog", copy.root / "inbox"):
        shutil.rmtree(folder, ignore_errors=True)


def _remember(connection: duckdb.DuckDBPyConnection, month: date) -> None:
    """Keeps what the month is rated at under the real catalog."""
    connection.execute("create schema if not exists simulation")
    for mart in (RATED, UNRATED):
        connection.execute(
            f"create or replace table simulation.{mart} as select * from {mart} where billing_period = ?", [month]
        )


def _compared(connection: duckdb.DuckDBPyConnection, month: date, key: list[str]) -> list[Row]:
    """Sums by key of what sellers charge; the vendor's own edge is the bill and no customer's."""
    columns = ", ".join(key)
    return rows(
        connection,
        f"select {columns}, sum(rated) as rated_amount, sum(simulated) as simulated_amount,"
        " sum(simulated) - sum(rated) as difference from ("
        f" select {columns}, is_vendor_edge, amount as rated, 0 as simulated from simulation.{RATED} union all"
        f" select {columns}, is_vendor_edge, 0, amount from {RATED} where billing_period = ?)"
        " where not is_vendor_edge group by all order by all",
        [month],
    )


def _different(found: list[Row]) -> list[Row]:
    return [row for row in found if row["difference"]]


def _unrated(connection: duckdb.DuckDBPyConnection, month: date) -> list[Row]:
    """How many rows cannot be priced, by edge and reason, where that changes."""
    return rows(
        connection,
        "select seller_id, buyer_id, reason, sum(is_rated) as rated_rows, sum(is_simulated) as simulated_rows from ("
        f" select seller_id, buyer_id, reason, 1 as is_rated, 0 as is_simulated from simulation.{UNRATED} union all"
        f" select seller_id, buyer_id, reason, 0, 1 from {UNRATED} where billing_period = ?)"
        " group by all having sum(is_rated) <> sum(is_simulated) order by all",
        [month],
    )
