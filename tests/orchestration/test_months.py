"""The calendar of `lake.months`: months of every zone tile the time line (fault 57)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.months import month_bounds

ZONES = sorted(available_timezones() - {"localtime"})


def wall_clock(zone: str, instant: datetime) -> datetime:
    return instant.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def test_months_of_every_zone_tile_from_2000_to_2040():
    """Fault 57. Fails when two months of a zone overlap, leave a gap, or start at another time than the wall clock.

    Also fails when a month starts off the quarter-hour grid on which usage is dated.
    """
    rows = month_bounds(ZONES, "2000-01", "2040-12")
    assert len(rows) == len(ZONES) * 41 * 12
    former: tuple[str, date, datetime, datetime] | None = None
    for zone, month, starts_at, ends_at in rows:
        if former is not None and former[0] == zone:
            assert former[3] == starts_at, (zone, month)
        assert starts_at < ends_at
        midnight = datetime(month.year, month.month, 1)
        assert wall_clock(zone, starts_at) >= midnight, (zone, month)
        assert wall_clock(zone, starts_at - timedelta(seconds=1)) < midnight, (zone, month)
        assert starts_at.second == 0 and starts_at.minute % 15 == 0, (zone, month)
        former = (zone, month, starts_at, ends_at)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.datetimes(datetime(2000, 2, 1), datetime(2040, 10, 31)),
)
def test_an_instant_lies_in_the_one_month_its_wall_clock_shows(zone: str, instant: datetime):
    """Fault 57. Fails when an instant is in no month, in two, or in one its wall clock does not show."""
    holding = [row for row in month_bounds([zone], "2000-01", "2040-12") if row[2] <= instant < row[3]]
    assert len(holding) == 1
    shown = wall_clock(zone, instant)
    # Clocks set back over the first midnight show the old month once more: St John's until 2011, one minute past.
    later = wall_clock(zone, instant - timedelta(hours=1))
    assert holding[0][1] in {date(shown.year, shown.month, 1), date(later.year, later.month, 1)}


@pytest.mark.parametrize(
    ("zone", "period", "starts_at"),
    [
        ("UTC", "2026-01", datetime(2026, 1, 1)),
        ("Asia/Kolkata", "2026-01", datetime(2025, 12, 31, 18, 30)),
        ("Pacific/Kiritimati", "2026-01", datetime(2025, 12, 31, 10)),
        ("America/New_York", "2026-03", datetime(2026, 3, 1, 5)),
        ("America/New_York", "2026-04", datetime(2026, 4, 1, 4)),
        # Midnight comes twice on 1 November 2009 (00:01 back to 23:01): its first coming counts.
        ("America/St_Johns", "2009-11", datetime(2009, 11, 1, 2, 30)),
        # Clocks jump from 00:00 to 01:00 on 1 April 2005: the jump starts the month.
        ("Asia/Amman", "2005-04", datetime(2005, 3, 31, 22)),
    ],
)
def test_a_month_starts_at_the_first_instant_of_its_first_day(zone: str, period: str, starts_at: datetime):
    """Fault 57. Fails when an offset, a jumped midnight or a midnight that comes twice is read wrongly."""
    assert month_bounds([zone], period, period)[0][2] == starts_at


def test_clocks_that_jump_over_midnight_start_the_month_at_the_jump():
    """Fails when the search for a jump that begins before midnight stops elsewhere (whole 30 December 2011 in Apia)."""
    rows = month_bounds(["Pacific/Apia"], "2011-12", "2012-01")
    assert rows[0][3] == rows[1][2] == datetime(2011, 12, 31, 10)


def test_a_text_that_is_no_period_is_refused():
    """Fails when a malformed period is guessed at."""
    with pytest.raises(ValueError):
        month_bounds(["UTC"], "2026-13", "2026-13")
