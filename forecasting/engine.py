"""Series in, forecasts and backtests out. Equal series give equal forecasts, however many processes work on them.

Steps: every candidate is tried at rolling origins (`backtest.py`); the one that did best forecasts the series;
the trials of all series scale the intervals (`intervals.py`).
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from forecasting.backtest import Trial, chosen, predicted, trials
from forecasting.intervals import Scale, of_sum, scale_of
from forecasting.models import Prediction, candidates, preferred

if TYPE_CHECKING:
    from forecasting.marked_days import Marks
    from forecasting.models import Numbers

    Work = tuple[Numbers, Marks | None]

ALONE = 300  # series up to which a second process costs more than it saves
CHUNK = 50
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Forecast:
    """Of one series; the three arrays are of the horizon's length."""

    model: str
    mean: Numbers
    low: Numbers
    high: Numbers
    sums: Callable[[int, int], tuple[float, float, float]]  # mean, low, high of the sum over steps [start, end)


@dataclass(frozen=True, slots=True)
class Backtested:
    """One trial of one series, judged; `coverage` is the share of compared points inside the 80 % interval."""

    model: str
    origin: int
    horizon: int
    is_chosen: bool
    wape: float | None
    mase: float | None
    coverage: float


@dataclass(frozen=True, slots=True)
class Result:
    forecast: Forecast
    backtests: list[Backtested]


@dataclass(slots=True)
class _Tried:
    model: str
    prediction: Prediction
    trials: list[Trial]


def _tried(history: Numbers, marks: Marks | None, season: int, horizon: int, compared: int) -> _Tried:
    names = candidates(history, season)
    found = trials(history, season, compared, marks)
    model = chosen(found, preferred(names))
    made = predicted(names, history, season, horizon, marks)
    model = model if model in made else min(made)
    return _Tried(model, made[model], found)


def _tried_chunk(work: Sequence[Work], season: int, horizon: int, compared: int) -> list[_Tried]:
    return [_tried(history, marks, season, horizon, compared) for history, marks in work]


def _all_tried(
    work: Sequence[Work], season: int, horizon: int, compared: int, processes: int, progress: Progress
) -> Iterator[_Tried]:
    tried = partial(_tried_chunk, season=season, horizon=horizon, compared=compared)
    chunks = [work[start : start + CHUNK] for start in range(0, len(work), CHUNK)]
    done = 0

    def told(results: Iterable[list[_Tried]]) -> Iterator[_Tried]:
        nonlocal done
        for result in results:
            done += len(result)
            progress(done, len(work))
            yield from result

    if processes <= 1 or len(work) <= ALONE:
        yield from told(map(tried, chunks))
        return
    # spawn: a fork would copy the threads' locks of whoever holds DuckDB or Dagster open.
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from told(pool.map(tried, chunks))


def forecast_all(
    histories: Sequence[Numbers],
    season: int,
    horizon: int,
    compared: int,
    processes: int = 2,
    progress: Progress = lambda done, of: None,
    marks: Sequence[Marks] | None = None,
) -> list[Result]:
    """Forecasts `horizon` steps of each history (finite floats, oldest first, at least one), in their order.

    `season` is the number of steps in a season, `compared` the steps a backtest looks ahead; `marks` number the special
    days of each history and its horizon (`marked_days.py`).
    """
    work = [(history, marks[position] if marks else None) for position, history in enumerate(histories)]
    tried = list(_all_tried(work, season, horizon, compared, processes, progress))
    halves = [[trial for each in tried[part::2] for trial in _of_chosen(each)] for part in (0, 1)]
    whole = scale_of(halves[0] + halves[1])
    # The coverage of a series' backtests is judged under a scale that its own errors had no part in.
    others = [scale_of(halves[1]), scale_of(halves[0])]
    return [
        Result(
            _forecast(each, whole, compared, bool((history >= 0).all())),
            [_judged(trial, each.model, others[position % 2]) for trial in each.trials],
        )
        for position, (history, each) in enumerate(zip(histories, tried, strict=True))
    ]


def _of_chosen(each: _Tried) -> list[Trial]:
    return [trial for trial in each.trials if trial.model == each.model]


def _forecast(each: _Tried, scale: Scale, compared: int, never_negative: bool) -> Forecast:
    floor = 0.0 if never_negative else -np.inf
    mean = np.maximum(each.prediction.mean, floor)
    width = scale.steps(each.prediction.half_width, compared)

    def sums(start: int, end: int) -> tuple[float, float, float]:
        total = float(mean[start:end].sum())
        half_width = float(of_sum(each.prediction.half_width[start:end])[-1]) * scale.total
        return total, max(total - half_width, floor), total + half_width

    return Forecast(each.model, mean, np.maximum(mean - width, floor), mean + width, sums)


def _judged(trial: Trial, model: str, scale: Scale) -> Backtested:
    width = scale.steps(trial.prediction.half_width, len(trial.actual))
    inside = np.abs(trial.errors) <= width + 1e-9
    return Backtested(
        trial.model, trial.origin, len(trial.actual), trial.model == model, trial.wape, trial.mase, float(inside.mean())
    )
