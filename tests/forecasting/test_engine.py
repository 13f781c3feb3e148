"""The forecasts themselves: choice by backtest, honest intervals, short and intermittent series, repeatability."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from forecasting import engine
from forecasting.backtest import CLEARLY_BETTER, Trial, chosen, origins, trials
from forecasting.intervals import Scale, of_sum, scale_of
from forecasting.models import SEASONAL_NAIVE, Prediction, candidates, preferred
from tests.bench.forecast import judged


def trial(model: str, error: float, half_width: float = 1.0, origin: int = 10) -> Trial:
    return Trial(model, origin, Prediction(np.zeros(4), np.full(4, half_width)), np.full(4, error), scale=2.0)


def test_another_model_is_taken_only_where_it_is_clearly_better() -> None:
    """Fails when luck at a few origins overrules the preferred model, or a fifth of the error does not."""
    assert chosen([trial("theta_ets", 10), trial("average", 10 * CLEARLY_BETTER + 0.1)], "theta_ets") == "theta_ets"
    assert chosen([trial("theta_ets", 10), trial("average", 10 * CLEARLY_BETTER - 0.1)], "theta_ets") == "average"
    assert chosen([], "average") == "average"
    # A model that failed at one of the origins is not judged by the other.
    both = [trial("theta_ets", 10, origin=5), trial("theta_ets", 10, origin=10), trial("ets", 1, origin=5)]
    assert chosen(both, "theta_ets") == "theta_ets"


def test_errors_are_those_of_the_textbook() -> None:
    """Fails when WAPE, MASE or their missing denominators are anything else than Hyndman's."""
    made = trial("x", 3.0)
    assert (made.wape, made.mase) == (1.0, 1.5)  # 4 × 3 over 4 × 3; mean 3 over scale 2
    nothing = Trial("x", 10, Prediction(np.ones(4), np.ones(4)), np.zeros(4), scale=0.0)
    assert (nothing.wape, nothing.mase) == (None, None)


def test_a_backtest_knows_only_the_days_before_its_origin() -> None:
    """Fails when what came after an origin changes what was forecast at it."""
    history = 50 + 10 * np.sin(np.arange(84) * 2 * np.pi / 7) + np.random.default_rng(3).normal(0, 2, 84)
    other = history.copy()
    first = min(shown for shown, _ in origins(84, 7, 14))
    other[first:] *= 7
    assert [shown for shown, _ in origins(84, 7, 14)] == [70, 63, 56]
    for one, two in zip(trials(history, 7, 14), trials(other, 7, 14), strict=True):
        assert (one.model, one.origin) == (two.model, two.origin)
        if one.origin == first:
            assert (one.prediction.mean == two.prediction.mean).all()
    assert SEASONAL_NAIVE in {made.model for made in trials(history, 7, 14)}


@pytest.mark.parametrize("points", [[5.0], [1.0, 3.0], [2.0, 4.0, 9.0, 1.0, 0.0]])
def test_a_short_series_gets_its_mean_and_a_wide_interval(points: list[float]) -> None:
    """Fails when few points are read as a season, or their interval is narrower than Student's t."""
    (result,) = engine.forecast_all([np.array(points)], season=7, horizon=30, compared=28)
    assert result.forecast.model == "short_average" and result.backtests == []
    assert result.forecast.mean == pytest.approx(np.full(30, np.mean(points)))
    if len(points) == 1:
        assert (result.forecast.low[0], result.forecast.high[0]) == (0.0, 10.0)
    if len(points) == 2:  # t(0.9, 1) = 3.0777, standard deviation 1.4142, √1.5
        assert result.forecast.high[0] == pytest.approx(2 + 3.0777 * 1.41421 * 1.22474, abs=1e-3)


def test_intermittent_and_constant_series_are_forecast_by_what_fits_them() -> None:
    """Fails when zeros are chased by trends, or a constant series is not forecast as itself."""
    sparse = np.where(np.arange(84) % 6 == 0, 12.0, 0.0)
    assert candidates(sparse, 7) == (SEASONAL_NAIVE, "average", "croston", "tsb")
    assert preferred(candidates(sparse, 7)) == "average"
    steady, nothing, seldom = engine.forecast_all([np.full(84, 8.0), np.zeros(84), sparse], 7, 30, 28)
    assert steady.forecast.mean == pytest.approx(np.full(30, 8.0))
    assert not nothing.forecast.mean.any() and not nothing.forecast.high.any()
    assert 0.5 < seldom.forecast.mean.mean() < 5 and (seldom.forecast.low >= 0).all()


def test_widths_are_scaled_to_cover_four_fifths_and_sums_grow_between_independent_and_common() -> None:
    """Fails when the scale is not the 80 % quantile of |error| / half-width, or few trials are trusted blindly."""
    many = [trial("x", error, half_width=2.0) for error in np.linspace(0.1, 10, 500)]
    scale = scale_of(many)
    assert scale.near == pytest.approx(8.02 / 2, rel=0.05)
    assert scale_of([]) == Scale()
    assert 1 < scale_of([trial("x", 8.0, half_width=2.0)]).near < 1.5  # one trial says 4
    widths = np.full(9, 1.0)
    assert 3 < of_sum(widths)[-1] < 9 and of_sum(widths)[0] == pytest.approx(1.0)


@pytest.mark.slow
def test_the_same_series_give_the_same_forecasts_in_any_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when a second process, or a second time, changes a digit."""
    dice = np.random.default_rng(5)
    histories = [dice.lognormal(2, 0.3, length) for length in (60, 90, 20, 3)]
    once = engine.forecast_all(histories, 7, 40, 28, processes=1)
    monkeypatch.setattr(engine, "ALONE", 0)
    monkeypatch.setattr(engine, "CHUNK", 1)
    again = engine.forecast_all(histories, 7, 40, 28, processes=2)
    for one, two in zip(once, again, strict=True):
        assert one.backtests == two.backtests and one.forecast.model == two.forecast.model
        for name in ("mean", "low", "high"):
            assert (getattr(one.forecast, name) == getattr(two.forecast, name)).all()
        assert one.forecast.sums(3, 17) == two.forecast.sums(3, 17)


@pytest.mark.slow
@pytest.mark.outside
def test_m3s_monthly_series_are_forecast_better_than_naive_with_honest_intervals(outside_data: Path) -> None:
    """Fails when MASE on every eighth series is not 15 % better than naive, or coverage leaves 75 to 85 %."""
    found = judged(outside_data / "forecast-m3" / "m3_monthly.public.json", every=8, processes=1)
    assert found.series == 120 and found.good, found
