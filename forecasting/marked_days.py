"""Days that bear more than the days around them: a month's first and last, where vendors put fees, support and tax.

No model with a season of seven days sees them. What they bear beyond their neighbours is taken out of the history,
the rest is forecast, and the usual extra is put back on the marked days ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from forecasting.models import NORMAL_80, Prediction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from forecasting.models import Numbers

    Marks = NDArray[np.int8]  # per day 0, or the number of its mark

NEIGHBOURS = 10  # days to either side
REMEMBERED = 3  # newest extras of a mark
OUTSTANDING = 3.0  # times the usual step from day to day: below it a marked day is a day like the others


@dataclass(frozen=True, slots=True)
class Extra:
    amount: float
    half_width: float


def without_extras(history: Numbers, marks: Marks) -> tuple[Numbers, dict[int, Extra]]:
    """The history with its marked days levelled to their neighbours, and the extra of each mark that stands out."""
    plain = marks == 0
    if plain.sum() < 2:
        return history, {}
    usual_step = float(np.abs(np.diff(history[plain])).mean())
    levelled, extras = history.copy(), {}
    for mark in sorted(set(marks[~plain].tolist())):
        found = []
        for day in np.flatnonzero(marks == mark):
            around = slice(max(day - NEIGHBOURS, 0), day + NEIGHBOURS + 1)
            level = float(np.median(history[around][plain[around]])) if plain[around].any() else 0.0
            found.append((day, level))
        amounts = np.array([history[day] - level for day, level in found][-REMEMBERED:])
        if abs(amounts.mean()) <= OUTSTANDING * usual_step:
            continue
        for day, level in found:
            levelled[day] = level
        # Of one month's extra nothing says how it varies: half of it either way.
        spread = NORMAL_80 * float(amounts.std(ddof=1)) if len(amounts) > 1 else abs(float(amounts[0])) / 2
        extras[mark] = Extra(float(amounts.mean()), spread)
    return levelled, extras


def with_extras(prediction: Prediction, marks: Marks, extras: dict[int, Extra]) -> Prediction:
    """The prediction with the extras on the marked days ahead."""
    mean, half_width = prediction.mean.copy(), prediction.half_width.copy()
    for mark, extra in extras.items():
        mean[marks == mark] += extra.amount
        half_width[marks == mark] += extra.half_width
    return Prediction(mean, half_width)
