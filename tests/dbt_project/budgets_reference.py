"""Budgets worked out day by day in plain Python, from the words of money.md section 10 and of DECISIONS.md."""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext

ZERO = Decimal(0)
DAY = timedelta(days=1)


def exact(number: Decimal) -> Decimal:
    """12 decimals, half away from zero."""
    with localcontext(prec=80):
        return number.quantize(Decimal("1e-12"), ROUND_HALF_UP)


def last_day(month: date) -> date:
    return month.replace(day=monthrange(month.year, month.month)[1])


@dataclass(frozen=True, slots=True)
class Budget:
    """A budget; `rates` turn a spend's currency into its own, by currency."""

    id: str
    series: tuple[str, str, str]  # party, scope, scope value
    month: date
    amount: Decimal
    currency: str
    thresholds: Sequence[Decimal] = (Decimal("0.5"), Decimal("0.8"), Decimal(1))
    rates: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Day:
    day: date
    actual: Decimal | None
    forecast: Decimal | None
    low: Decimal | None
    high: Decimal | None
    status: str | None


Spend = Mapping[tuple[tuple[str, str, str], str], Mapping[date, Decimal]]  # (series, currency) -> day -> amount


def days_of(budget: Budget, spend: Spend, last_known: date) -> list[Day]:
    """Every known day of the budget's month, forecast by the run rate of the 28 days to it."""
    daily: dict[date, Decimal] = defaultdict(Decimal)
    unconverted = False
    since = budget.month - 28 * DAY
    for (series, currency), amounts in spend.items():
        if series != budget.series:
            continue
        for day, amount in amounts.items():
            if since <= day <= last_known:
                if currency == budget.currency:
                    daily[day] += amount
                elif currency in budget.rates:
                    daily[day] += exact(amount * budget.rates[currency])
                else:
                    unconverted = True
    first_spend = min(daily, default=None)
    found, actual, day = [], ZERO, budget.month
    while day <= last_known:
        actual += daily.get(day, ZERO)
        if unconverted:
            found.append(Day(day, None, None, None, None, None))
            day += DAY
            continue
        window = [day - back * DAY for back in range(28)]
        known = [daily.get(each, ZERO) for each in window if first_spend is not None and each >= first_spend]
        left = (last_day(budget.month) - day).days
        mean = exact(sum(known, ZERO) / len(known)) if known else ZERO
        low, high = (min(known), max(known)) if known else (ZERO, ZERO)
        if len(known) < 7:
            low, high = min(low, ZERO), 2 * max(high, ZERO)
        forecast = actual + left * mean
        status = "exceeded" if actual > budget.amount else "at_risk" if forecast > budget.amount else "on_track"
        found.append(Day(day, actual, forecast, actual + left * low, actual + left * high, status))
        day += DAY
    return found


def crossings(budget: Budget, days: Sequence[Day]) -> dict[Decimal, date]:
    """Threshold -> first day on which spent to date was at or over it."""
    found: dict[Decimal, date] = {}
    for day in days:
        for threshold in budget.thresholds:
            if day.actual is not None and day.actual > 0 and day.actual >= exact(budget.amount * threshold):
                found.setdefault(threshold, day.day)
    return found


def spread(charged: Decimal, costs: Mapping[date, Decimal], last: date) -> dict[date, Decimal]:
    """A charge over the days its cost has, in proportion to the cost to date; complete on the last of them."""
    days = sorted(costs) or [last]
    total = sum(costs.values(), ZERO)
    found, former, cost = {}, ZERO, ZERO
    with localcontext(prec=60):
        for position, day in enumerate(days, start=1):
            cost += costs.get(day, ZERO)
            share = exact(cost / total) if total else exact(Decimal(position) / len(days))
            to_date = exact(charged * share)
            found[day], former = to_date - former, to_date
    return found
