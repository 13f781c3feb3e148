"""Periods as plain values: `YYYY-MM` and the first day of a month. Knows no Dagster: quick commands stay quick."""

from __future__ import annotations

import re
from datetime import date

PERIOD = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")  # months reach command lines: one strict pattern


class BadSetting(ValueError):
    """A setting or an argument that cannot be used: the message says which, and what would be right."""


def month_of(period: str) -> date:
    """`YYYY-MM` as its first day; raises BadSetting otherwise."""
    if not PERIOD.fullmatch(period) or period < "1900-01":
        raise BadSetting(f"'{period}' is not a period: write YYYY-MM, for example 2026-01")
    return date(int(period[:4]), int(period[5:]), 1)


def period_of(day: date) -> str:
    return f"{day.year:04d}-{day.month:02d}"


def months_after(month: date, count: int) -> date:
    """First day of the month `count` months after (or, negative, before) a first of month."""
    index = month.year * 12 + month.month - 1 + count
    return date(index // 12, index % 12 + 1, 1)


def known_period(period: str, first_period: str, today: date) -> str:
    """The period if it can be run; raises BadSetting otherwise."""
    month_of(period)
    if not first_period <= period <= period_of(today):
        raise BadSetting(
            f"period {period} is outside {first_period} to {period_of(today)}: "
            "METERHOUSE_FIRST_PERIOD moves the first, METERHOUSE_NOW the last"
        )
    return period


def open_periods(first_period: str, today: date, count: int) -> list[str]:
    """The running month and those before it that are still refreshed daily, oldest first."""
    running = today.replace(day=1)
    periods = [period_of(months_after(running, -back)) for back in reversed(range(max(count, 1)))]
    return [period for period in periods if period >= first_period]
