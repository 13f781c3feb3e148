"""The models a series may be forecast by, under names of our own; the arithmetic is statsforecast's.

A model takes a history and a horizon and gives means and half-widths of its own 80 % interval, both of the horizon's
length. The half-widths are only a shape: `intervals.py` scales them by what the backtests of all series show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

LEVEL = 80  # per cent
NORMAL_80 = 1.2815515655446004  # half-width of the standard normal's central 80 %
SHORT_SEASONS = 2  # fewer whole seasons than this, and nothing seasonal can be learned or judged
INTERMITTENT_SHARE = 0.5  # of days without spend; above it, models of level and trend only chase zeros
AVERAGE_SEASONS = 4


@dataclass(frozen=True, slots=True)
class Prediction:
    mean: Numbers
    half_width: Numbers


Model = Callable[["Numbers", int, int], Prediction]  # history, season, horizon


def _library(name: str, **options: object) -> Model:
    """A model of statsforecast that knows its interval."""

    def predicted(history: Numbers, season: int, horizon: int) -> Prediction:
        from statsforecast import models  # four seconds of imports: only where something is forecast

        found = getattr(models, name)(season_length=season, **options).forecast(history, horizon, level=[LEVEL])
        return Prediction(found["mean"], (found[f"hi-{LEVEL}"] - found[f"lo-{LEVEL}"]) / 2)

    return predicted


def _level(name: str, **options: object) -> Model:
    """A model of statsforecast without an interval: that of the history around its mean, alike for every step."""

    def predicted(history: Numbers, season: int, horizon: int) -> Prediction:
        from statsforecast import models

        mean = getattr(models, name)(**options).forecast(history, horizon)["mean"]
        return Prediction(mean, np.full(horizon, NORMAL_80 * history.std()))

    return predicted


def average(history: Numbers, season: int, horizon: int) -> Prediction:
    """The mean of the last four seasons."""
    window = history[-AVERAGE_SEASONS * season :]
    return Prediction(np.full(horizon, window.mean()), np.full(horizon, NORMAL_80 * window.std()))


def short_average(history: Numbers, season: int, horizon: int) -> Prediction:
    """The mean of what little there is, as wide as Student's t makes so few points; of one point, its own size."""
    from scipy.stats import t

    count, mean = len(history), float(history.mean())
    spread = history.std(ddof=1) * np.sqrt(1 + 1 / count) if count > 1 else 0.0
    half_width = t.ppf(0.9, count - 1) * spread if count > 1 else abs(mean)
    return Prediction(np.full(horizon, mean), np.full(horizon, half_width))


SEASONAL_NAIVE = "seasonal_naive"
SINGLE: dict[str, Model] = {
    SEASONAL_NAIVE: _library("SeasonalNaive"),
    "average": average,
    "theta": _library("Theta"),
    "ets": _library("AutoETS", model="AAA", damped=True),
    "croston": _level("CrostonSBA"),
    "tsb": _level("TSB", alpha_d=0.1, alpha_p=0.1),
    "short_average": short_average,
}
BLENDS = {"theta_ets": ("theta", "ets")}  # the mean of its members, half-widths too
SMOOTH = (SEASONAL_NAIVE, "average", "theta", "ets")
INTERMITTENT = (SEASONAL_NAIVE, "average", "croston", "tsb")


def candidates(history: Numbers, season: int) -> tuple[str, ...]:
    """Names of the single models that make sense for a history."""
    if len(history) < SHORT_SEASONS * season:
        return ("short_average",)
    return INTERMITTENT if np.mean(history == 0) > INTERMITTENT_SHARE else SMOOTH


def preferred(names: tuple[str, ...]) -> str:
    """The model to take while nothing speaks clearly against it."""
    return "theta_ets" if names == SMOOTH else "average" if names == INTERMITTENT else names[0]


def predictions(names: tuple[str, ...], history: Numbers, season: int, horizon: int) -> dict[str, Prediction]:
    """Each named model's prediction, and every blend whose members are among them; what does not fit is left out."""
    found: dict[str, Prediction] = {}
    for name in names:
        try:
            made = SINGLE[name](history, season, horizon)
        except Exception:  # a library's model may refuse a history (a constant one, say): the others remain
            if name in (SEASONAL_NAIVE, "short_average"):
                raise
            continue
        if np.isfinite(made.mean).all():
            shape = np.nan_to_num(made.half_width, nan=0.0, posinf=0.0)
            found[name] = Prediction(made.mean, np.maximum(shape, 0.0))
    for name, members in BLENDS.items():
        if all(member in found for member in members):
            found[name] = Prediction(
                np.mean([found[member].mean for member in members], axis=0),
                np.mean([found[member].half_width for member in members], axis=0),
            )
    return found
