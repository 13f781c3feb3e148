"""How wide 80 % is: models' own half-widths, scaled by what all series' backtests show (split conformal prediction).

A model's interval trusts that its form is right; backtests know better. The scale is the 80 % quantile of
|error| / half-width over the trials of the chosen models, one for the near half of the horizon and one for the far
half. With few trials it is drawn towards 1: a handful of errors says little about a quantile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from forecasting.backtest import Trial

if TYPE_CHECKING:
    from forecasting.models import Numbers

SHARE = 0.8
TRUSTED_AFTER = 5.0  # trials at which the measured scale counts for half
COMMON = 0.25  # part of a day's error variance that all days of a forecast share: a level missed is missed every day


@dataclass(frozen=True, slots=True)
class Scale:
    """Factors for half-widths: of single steps in the near and the far half, and of sums over steps."""

    near: float = 1.0
    far: float = 1.0
    total: float = 1.0

    def steps(self, half_width: Numbers, compared: int) -> Numbers:
        """Half-widths of steps, where `compared` of them is what backtests looked at."""
        return half_width * np.where(np.arange(len(half_width)) < compared / 2, self.near, self.far)


def of_sum(half_width: Numbers) -> Numbers:
    """Half-widths of the running sums over steps: the independent part adds in squares, the common part as it is."""
    return np.sqrt((1 - COMMON) * np.cumsum(half_width**2) + COMMON * np.cumsum(half_width) ** 2)


def scale_of(trials: Sequence[Trial]) -> Scale:
    """The scale that would have covered 80 % of these trials."""
    near, far, total = [], [], []
    for trial in trials:
        width = trial.prediction.half_width
        if not (width > 0).all():
            continue  # a model sure of itself (a constant history) says nothing about how wide the others should be
        scores, half = np.abs(trial.errors) / width, -(-len(width) // 2)
        near.append(scores[:half])
        far.append(scores[half:])
        total.append((np.abs(np.cumsum(trial.errors)) / of_sum(width))[half - 1 :])  # long sums are what is asked for
    return Scale(*(_quantile(scores) for scores in (near, far, total)))


def _quantile(scores: Sequence[Numbers]) -> float:
    joined = np.concatenate(scores) if scores else np.empty(0)
    if not len(joined):
        return 1.0
    trust = len(scores) / (len(scores) + TRUSTED_AFTER)
    return float(np.exp(trust * np.log(max(np.quantile(joined, SHARE), 0.1))))
