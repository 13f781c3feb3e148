"""`make bench-forecast`: M3's monthly series against what followed them, and ten thousand daily series on the clock.

Exits 1 where mean MASE is not at least 15 % better than seasonal naive, or the 80 % interval covers less than 75 % or
more than 85 % of the 18 months that followed.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from forecasting.backtest import naive_scale
from forecasting.engine import forecast_all
from forecasting.spend import KEYS, forecast_spend

SEASON, HORIZON = 12, 18
BETTER_BY, COVERAGE = 0.15, (0.75, 0.85)


@dataclass(frozen=True, slots=True)
class Judged:
    series: int
    mase: float
    naive_mase: float
    coverage: float
    models: dict[str, int]

    @property
    def better_by(self) -> float:
        return 1 - self.mase / self.naive_mase

    @property
    def good(self) -> bool:
        return self.better_by >= BETTER_BY and COVERAGE[0] <= self.coverage <= COVERAGE[1]


def judged(file: Path, every: int = 1, processes: int = 2) -> Judged:
    """Forecasts every n-th series (by name) of M3's monthly ones and compares with the 18 months that followed."""
    listed = json.loads(file.read_text("utf-8"))
    names = sorted(listed)[::every]
    histories = [np.array(listed[name]["x"], dtype=float).ravel() for name in names]
    futures = [np.array(listed[name]["xx"], dtype=float).ravel() for name in names]
    results = forecast_all(histories, SEASON, HORIZON, HORIZON, processes)
    ours, naive, inside, models = [], [], [], {}
    for history, future, result in zip(histories, futures, results, strict=True):
        scale = naive_scale(history, SEASON)
        ours.append(np.abs(future - result.forecast.mean).mean() / scale)
        naive.append(np.abs(future - np.resize(history[-SEASON:], HORIZON)).mean() / scale)
        inside.append(((future >= result.forecast.low) & (future <= result.forecast.high)).mean())
        models[result.forecast.model] = models.get(result.forecast.model, 0) + 1
    return Judged(len(names), *(float(np.mean(each)) for each in (ours, naive, inside)), models)


def daily_series(count: int, days: int = 140, last: date = date(2026, 3, 20)) -> pl.DataFrame:
    """Series of spend as accounts have them: levels, trends, weeks, month-end fees, quiet ones; the same each time."""
    dice = np.random.default_rng(1)
    dates = [last - timedelta(days=back) for back in range(days - 1, -1, -1)]
    week = np.array([day.weekday() >= 5 for day in dates])
    fees = np.array([(day + timedelta(days=1)).day == 1 for day in dates])
    frames = []
    for number in range(count):
        level = dice.lognormal(3, 1.5)
        amounts = level * (1 + dice.normal(0, 0.002) * np.arange(days)) * (1 - dice.uniform(0, 0.5) * week)
        amounts = np.maximum(amounts * dice.lognormal(0, 0.1, days), 0) + fees * level * dice.uniform(0, 10)
        if number % 10 == 0:
            amounts = np.where(dice.random(days) < 0.8, 0, amounts)
        keys = dict.fromkeys(KEYS, f"series-{number:05d}")
        frames.append(pl.DataFrame({"spend_date": dates, "amount": amounts}).with_columns(
            **{name: pl.lit(value) for name, value in keys.items()}
        ))  # fmt: skip
    return pl.concat(frames)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.forecast", description=__doc__.splitlines()[0])
    default = os.environ.get("METERHOUSE_SHARED_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(default), help="the outside data folder")
    parser.add_argument("--every", type=int, default=1, help="only every n-th of M3's series")
    parser.add_argument("--series", type=int, default=10_000, help="daily series to time; 0 for none")
    options = parser.parse_args()
    m3 = judged(options.data / "forecast-m3" / "m3_monthly.public.json", options.every)
    print(f"M3 monthly, {m3.series} series, 18 months ahead; models {m3.models}")
    print(f"  MASE {m3.mase:.3f}, seasonal naive {m3.naive_mase:.3f}: better by {m3.better_by:.1%} (asked: 15 %)")
    print(f"  80 % interval covers {m3.coverage:.1%} (asked: 75 to 85 %)")
    if options.series:
        spend = daily_series(options.series)
        started = time.monotonic()
        made = forecast_spend(spend, date(2026, 3, 20))
        assert made is not None
        print(f"daily: {made.series:,} series, {made.forecasts.height:,} rows in {time.monotonic() - started:.0f} s")
    return 0 if m3.good else 1


if __name__ == "__main__":
    raise SystemExit(main())
