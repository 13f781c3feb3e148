"""Daily spend as the warehouse has it -> histories the engine reads, and its forecasts -> tables the lake keeps.

Here floats begin and end: amounts come in as exact decimals, forecasts leave as decimals of six places.
"""

from __future__ import annotations

import math
from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from io import BytesIO
from typing import TYPE_CHECKING

import polars as pl

from forecasting.engine import Progress, Result, forecast_all

if TYPE_CHECKING:
    import numpy as np

SEASON = 7
HISTORY_DAYS = 140  # twenty weeks: more of them cost time and no longer change a daily forecast
COMPARED_DAYS = 28
MONTHS_AHEAD = 3
QUIET_DAYS = 92  # a series without spend for so long is not forecast any more

KEYS = ("series_id", "party_id", "scope", "scope_value", "currency")
AMOUNT = pl.Decimal(38, 12)


@dataclass(frozen=True, slots=True)
class Made:
    """A forecast of everything: the two tables, and how many series they are of."""

    origin: date
    series: int
    forecasts: pl.DataFrame
    backtests: pl.DataFrame


def month_end(day: date, months: int = 0) -> date:
    """Last day of the month that lies `months` after the one of `day`."""
    count = day.year * 12 + day.month - 1 + months
    year, month = divmod(count, 12)
    return date(year, month + 1, monthrange(year, month + 1)[1])


def origin_of(spend: pl.DataFrame, today: date) -> date | None:
    """The last day whose spend is known: of a month that is over its last day, else the last day with spend."""
    known = spend.filter(pl.col("spend_date") <= today)["spend_date"].max()
    if not isinstance(known, date):
        return None
    return month_end(known) if month_end(known) < today else known


def horizon_end(origin: date) -> date:
    """To the end of the open month and three months on; the open month holds the day after the origin."""
    return month_end(origin + timedelta(days=1), MONTHS_AHEAD)


def forecast_spend(
    spend: pl.DataFrame, today: date, processes: int = 2, progress: Progress = lambda done, of: None
) -> Made | None:
    """Forecasts every series of `spend` (KEYS, spend_date, amount) as of `today`; None where there is none."""
    origin = origin_of(spend, today)
    if origin is None:
        return None
    series = _histories(spend, origin)
    days = [origin + timedelta(days=ahead) for ahead in range(1, (horizon_end(origin) - origin).days + 1)]
    histories = [history for _, history in series]
    marks = [marks_of(origin - timedelta(days=len(history) - 1), days[-1]) for history in histories]
    results = forecast_all(histories, SEASON, len(days), COMPARED_DAYS, processes, progress, marks)
    made = [(keys, history, result) for (keys, history), result in zip(series, results, strict=True)]
    return Made(origin, len(series), _forecasts(made, origin, days), _backtests(made, origin))


def marks_of(first: date, last: date) -> np.ndarray:
    """1 for the first day of a month, 2 for its last, 0 for the others."""
    days = pl.date_range(first, last, eager=True)
    firsts, lasts = (days.dt.day() == 1).to_numpy(), (days == days.dt.month_end()).to_numpy()
    return firsts.astype("int8") + 2 * lasts.astype("int8")


def _histories(spend: pl.DataFrame, origin: date) -> list[tuple[tuple[str, ...], np.ndarray]]:
    """Each series as a number per day from its first spend (at most HISTORY_DAYS back) to the origin, by series_id."""
    first = origin - timedelta(days=HISTORY_DAYS - 1)
    summed = (
        spend.filter(pl.col("spend_date").is_between(first, origin) & (pl.col("amount") != 0))
        .group_by(*KEYS, "spend_date")
        .agg(pl.col("amount").cast(pl.Float64).sum())
        .sort("series_id", "spend_date")
    )
    found = []
    for keys, days in summed.group_by(KEYS, maintain_order=True):
        dates = days["spend_date"]
        if (origin - dates[-1]).days >= QUIET_DAYS:
            continue
        filled = days.select("spend_date", "amount").upsample("spend_date", every="1d")["amount"].fill_null(0.0)
        found.append((keys, filled.extend_constant(0.0, (origin - dates[-1]).days).to_numpy()))
    return found


def _text(number: float | None) -> str | None:
    """Six decimals; what is no number (nothing to divide by) stays unknown."""
    return None if number is None or not math.isfinite(number) else f"{number:.6f}"


def _frame(rows: Sequence[Mapping[str, object]], amounts: Sequence[str], others: Mapping[str, object]) -> pl.DataFrame:
    schema = dict.fromkeys(KEYS, pl.String) | dict(others) | dict.fromkeys(amounts, pl.String)
    columns = {name: [row[name] for row in rows] for name in schema}
    return pl.DataFrame(columns, schema=schema).with_columns(pl.col(*amounts).cast(AMOUNT))


def _forecasts(
    made: Sequence[tuple[tuple[str, ...], np.ndarray, Result]], origin: date, days: Sequence[date]
) -> pl.DataFrame:
    rows = []
    # Sums run within a month: from the origin on, then anew from each month's first day.
    starts = [next(i for i, other in enumerate(days) if (other.year, other.month) == (d.year, d.month)) for d in days]
    for keys, _, result in made:
        forecast = result.forecast
        for step, (day, start) in enumerate(zip(days, starts, strict=True)):
            total, total_low, total_high = forecast.sums(start, step + 1)
            rows.append(
                dict(zip(KEYS, keys, strict=True))
                | {
                    "origin_date": origin,
                    "forecast_date": day,
                    "model": forecast.model,
                    "forecast": _text(forecast.mean[step]),
                    "forecast_low": _text(forecast.low[step]),
                    "forecast_high": _text(forecast.high[step]),
                    "month_forecast": _text(total),
                    "month_forecast_low": _text(total_low),
                    "month_forecast_high": _text(total_high),
                }
            )
    amounts = ("forecast", "forecast_low", "forecast_high")
    amounts += tuple(f"month_{name}" for name in amounts)
    return _frame(rows, amounts, {"origin_date": pl.Date, "forecast_date": pl.Date, "model": pl.String})


def _backtests(made: Sequence[tuple[tuple[str, ...], np.ndarray, Result]], origin: date) -> pl.DataFrame:
    rows = [
        dict(zip(KEYS, keys, strict=True))
        | {
            "model": trial.model,
            "origin_date": origin - timedelta(days=len(history) - trial.origin),
            "horizon": trial.horizon,
            "is_chosen": trial.is_chosen,
            "wape": _text(trial.wape),
            "mase": _text(trial.mase),
            "coverage": _text(trial.coverage),
        }
        for keys, history, result in made
        for trial in result.backtests
    ]
    others = {"model": pl.String, "origin_date": pl.Date, "horizon": pl.Int64, "is_chosen": pl.Boolean}
    return _frame(rows, ("wape", "mase", "coverage"), others)


def parquet(frame: pl.DataFrame) -> bytes:
    """The frame as Parquet; equal frames give equal bytes."""
    written = BytesIO()
    frame.write_parquet(written, compression="zstd", statistics=False)
    return written.getvalue()
