"""Calendar of the warehouse: UTC bounds of the months of a time zone, for `lake.months`.

Usage falls into the month of its final seller's zone; these rows are the only place where a month becomes instants.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

MonthBounds = tuple[str, date, datetime, datetime]


def month_bounds(zones: Iterable[str], first_period: str, last_period: str) -> list[MonthBounds]:
    """(zone, first of month, starts_at, ends_at) of every zone and month, both periods (`YYYY-MM`) included.

    The instants are UTC without zone, as `lake.months` stores them, half-open. Consecutive months of a zone tile:
    a month ends where the next one starts. Raises zoneinfo.ZoneInfoNotFoundError for an unknown zone and ValueError
    for a text that is no period.
    """
    months = _months(date.fromisoformat(f"{first_period}-01"), date.fromisoformat(f"{last_period}-01"))
    return [
        (zone, month, month_starts_at(zone, month), month_starts_at(zone, _next(month)))
        for zone in sorted(set(zones))
        for month in months
    ]


@cache
def month_starts_at(zone: str, month: date) -> datetime:
    """The first instant (UTC, without zone) at which the zone's wall clock shows the month.

    A midnight that comes twice counts from its first coming. Where clocks jump over midnight it is the jump itself.
    """
    place = ZoneInfo(zone)
    midnight = datetime(month.year, month.month, 1)
    # fold=0 reads the clock with the offset before a change, fold=1 with the one after (PEP 495).
    early_offset = midnight.replace(tzinfo=place).astimezone(UTC)
    if early_offset.astimezone(place).replace(tzinfo=None) == midnight:
        return early_offset.replace(tzinfo=None)
    before, after = midnight.replace(tzinfo=place, fold=1).astimezone(UTC), early_offset
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(place).replace(tzinfo=None) >= midnight:
            after = middle
        else:
            before = middle
    return after.replace(tzinfo=None)


def _months(first: date, last: date) -> list[date]:
    months = []
    while first <= last:
        months.append(first)
        first = _next(first)
    return months


def _next(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
