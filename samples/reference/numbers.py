"""Exact numbers and months (money.md sections 1 and 2)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

ZERO = Decimal(0)
MINOR_UNITS = {"USD": 2, "EUR": 2, "JPY": 0, "KWD": 3}


def exact(number: Decimal) -> Decimal:
    """A derived amount: 12 decimals, half away from zero."""
    with localcontext(prec=80):
        return number.quantize(Decimal("1e-12"), ROUND_HALF_UP)


def share(total: Decimal, part: int, whole: int) -> Decimal:
    """total × part / whole at 12 decimals."""
    with localcontext(prec=80):
        return exact(total * part / whole)


def rounded(amount: Decimal, currency: str) -> Decimal:
    """An invoice line: the currency's minor unit, half away from zero."""
    with localcontext(prec=80):
        return amount.quantize(Decimal(1).scaleb(-MINOR_UNITS[currency]), ROUND_HALF_UP)


def number(value: Any, default: str = "0") -> Decimal:
    """A catalog cell as a number; empty cells take the default."""
    return Decimal(default if value in (None, "") else str(value))


def first_day(period: str) -> date:
    """First day of the month `YYYY-MM`."""
    return date.fromisoformat(f"{period}-01")


def next_month(day: date, months: int = 1) -> date:
    """First day of the month that lies `months` after the one of `day`."""
    count = day.year * 12 + day.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)


def in_month(month: date, day_of_month: int) -> date:
    """The day of that number in the month, or the month's last."""
    last = next_month(month) - timedelta(days=1)
    return month.replace(day=min(day_of_month, last.day))


def period_of(day: date) -> str:
    """The month of a day as `YYYY-MM`."""
    return f"{day:%Y-%m}"


def days_between(start: date, end: date) -> Iterator[date]:
    """Days of `[start, end)`."""
    for offset in range((end - start).days):
        yield start + timedelta(days=offset)
