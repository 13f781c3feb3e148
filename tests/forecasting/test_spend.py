"""From rows of spend to tables of forecasts: days, months, marked days, decimals."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from forecasting.marked_days import without_extras
from forecasting.spend import KEYS, forecast_spend, horizon_end, marks_of, origin_of, parquet


def rows(name: str, first: date, amounts: list[str]) -> pl.DataFrame:
    days = [first + timedelta(days=number) for number in range(len(amounts))]
    keys = {key: [name] * len(days) for key in KEYS}
    return pl.DataFrame(keys | {"spend_date": days, "amount": pl.Series([Decimal(x) for x in amounts])}).with_columns(
        pl.col("amount").cast(pl.Decimal(38, 12))
    )


def test_a_month_that_is_over_is_known_to_its_last_day_and_the_running_one_to_its_last_spend() -> None:
    """Fails when a forecast starts before what is known, or after what is not."""
    spend = rows("a", date(2026, 1, 1), ["1"] * 20)
    assert origin_of(spend, date(2026, 3, 5)) == date(2026, 1, 31)
    assert origin_of(spend, date(2026, 1, 31)) == date(2026, 1, 20)
    assert origin_of(spend, date(2026, 1, 7)) == date(2026, 1, 7)
    assert origin_of(spend, date(2025, 12, 31)) is None
    assert horizon_end(date(2026, 1, 20)) == date(2026, 4, 30)
    assert horizon_end(date(2026, 1, 31)) == date(2026, 5, 31)  # February is the open month


@pytest.fixture(scope="module")
def made():
    """A steady series with a month-end fee, one that has just begun, and one that ended long ago."""
    steady = ["10"] * 120
    for number in (30, 58, 89, 119):  # 31 January, 28 February, 31 March, 30 April
        steady[number] = "110"
    spend = pl.concat(
        [
            rows("steady", date(2026, 1, 1), steady),
            rows("young", date(2026, 5, 9), ["3.25", "4.75"]),
            rows("ended", date(2026, 1, 1), ["5"] * 9),
            rows("steady", date(2026, 5, 1), ["10"] * 10),
        ]
    )
    return spend, forecast_spend(spend, date(2026, 5, 10), processes=1)


def test_every_day_to_three_months_on_is_forecast_once(made) -> None:
    """Fails when a day is missing or doubled, a quiet series is forecast, or a number leaves as a float."""
    _, found = made
    assert (found.origin, found.series) == (date(2026, 5, 10), 2)
    days = [date(2026, 5, 11) + timedelta(days=ahead) for ahead in range((date(2026, 8, 31) - date(2026, 5, 10)).days)]
    for name in ("steady", "young"):
        assert found.forecasts.filter(pl.col("series_id") == name)["forecast_date"].to_list() == days
    assert {str(kind) for kind in found.forecasts.dtypes} == {"String", "Date", "Decimal(precision=38, scale=12)"}
    assert found.forecasts.select((pl.col("forecast_low") <= pl.col("forecast")).all()).item()
    assert found.forecasts.select((pl.col("forecast") <= pl.col("forecast_high")).all()).item()


def test_a_fee_on_the_months_last_day_is_expected_there_again(made) -> None:
    """Fails when a month-end fee is smeared over the days, forgotten, or missing in the month's sum."""
    _, found = made
    steady = found.forecasts.filter(pl.col("series_id") == "steady")
    by_day = dict(steady.select("forecast_date", "forecast").iter_rows())
    assert float(by_day[date(2026, 5, 31)]) == pytest.approx(110, abs=1)
    assert float(by_day[date(2026, 5, 30)]) == pytest.approx(10, abs=1)
    sums = dict(steady.select("forecast_date", "month_forecast").iter_rows())
    assert float(sums[date(2026, 5, 31)]) == pytest.approx(20 * 10 + 110, abs=5)
    assert float(sums[date(2026, 6, 1)]) == pytest.approx(10, abs=1)  # begins anew


def test_rows_in_any_order_give_the_same_bytes(made) -> None:
    """Fails when the order in which the warehouse hands out its rows shows in the forecast."""
    spend, found = made
    shuffled = forecast_spend(spend.sample(fraction=1.0, shuffle=True, seed=4), date(2026, 5, 10), processes=1)
    assert parquet(shuffled.forecasts) == parquet(found.forecasts)
    assert parquet(shuffled.backtests) == parquet(found.backtests)


def test_seasonal_naive_is_always_tried_and_one_model_is_chosen(made) -> None:
    """Fails when a series of two seasons is backtested without seasonal naive, or two models are chosen."""
    _, found = made
    tried = found.backtests.filter(pl.col("series_id") == "steady")
    assert "seasonal_naive" in tried["model"].to_list()
    assert tried.filter("is_chosen")["model"].n_unique() == 1
    assert tried["origin_date"].max() == date(2026, 5, 10) - timedelta(days=28)


def test_marked_days_that_bear_nothing_special_stay_as_they_are() -> None:
    """Fails when ordinary noise on a month's last day is taken for a fee."""
    marks = marks_of(date(2026, 1, 1), date(2026, 3, 31))
    assert [int(mark) for mark in marks[[0, 30, 31, 58, 59, 89]]] == [1, 2, 1, 2, 1, 2]
    history = np.random.default_rng(2).normal(100, 5, 90)
    levelled, extras = without_extras(history, marks)
    assert extras == {} and (levelled == history).all()
