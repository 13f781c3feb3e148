"""From the warehouse's daily spend to a forecast that the lake keeps and the marts show. When, and never how.

No dbt: the marts of a forecast are views over what the lake keeps, so showing it is pointing them there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import duckdb
import polars as pl

from forecasting.kept import keep
from forecasting.spend import KEYS, forecast_spend, parquet
from ingestion.faultpoints import reached
from ingestion.lake import Lake
from ingestion.storage import open_storage
from orchestration import tables, warehouse
from orchestration.exports import Mart, export, frame_of
from orchestration.exposing import expose_forecasts
from orchestration.settings import Settings
from orchestration.snowflake_session import Session

# Views that show the newest forecast, exported again with it.
SHOWN = ("fct_forecast", "fct_forecast_backtest", "fct_budget_vs_actual", "fct_budget_crossings")


@dataclass(frozen=True, slots=True)
class Kept:
    """What was forecast; an origin of None says that there was no spend to forecast."""

    origin: date | None
    series: int
    rows: dict[str, int]  # of the exported marts
    models: dict[str, int]  # series by the model chosen for them


def daily_spend(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Every series by day; empty where no month was run."""
    if not tables.exists(connection, "fct_daily_spend"):
        return pl.DataFrame(schema={**dict.fromkeys(KEYS, pl.String), "spend_date": pl.Date, "amount": pl.Float64})
    found = connection.execute(f"select {', '.join(KEYS)}, spend_date, amount from fct_daily_spend")
    return frame_of(found) if isinstance(found, Session) else found.pl()


def keep_forecast(settings: Settings, tell: Callable[[str], None] = lambda text: None) -> Kept:
    """Forecasts all spend as of METERHOUSE_NOW, keeps it in the lake and shows it. Twice a day: the second replaces."""
    with warehouse.opened(settings) as connection:
        spend = daily_spend(connection)
    today = settings.clock.date()
    made = forecast_spend(
        spend, today, settings.threads, lambda done, of: tell(f"forecasting: {done:,} of {of:,} series")
    )
    if made is None:
        return Kept(None, 0, {}, {})
    lake = Lake(open_storage(settings.lake_uri))
    written = {"forecast_backtests": parquet(made.backtests), "forecasts": parquet(made.forecasts)}
    reached("forecast_before_keep")
    keep(lake.storage, f"{today:%Y-%m-%d}", written)
    with warehouse.opened(settings) as connection:
        expose_forecasts(connection, lake, today)
        rows = {
            name: export(connection, Mart(settings.marts_schema, name, False), None, settings.exports) for name in SHOWN
        }
    models = Counter(made.forecasts.unique("series_id")["model"])
    return Kept(made.origin, made.series, rows, dict(models.most_common()))
