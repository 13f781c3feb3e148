"""Months: the only place that declares partitions. A partition is a billing period, `YYYY-MM`.

From METERHOUSE_FIRST_PERIOD to the month of METERHOUSE_NOW, the running month included.
"""

from __future__ import annotations

from datetime import date

import dagster as dg

from orchestration.periods import month_of, months_after
from orchestration.settings import Settings, get_settings

FORMAT = "%Y-%m"


def months(settings: Settings) -> dg.MonthlyPartitionsDefinition:
    """The partitions of every monthly asset."""
    # start_date is written in fmt, otherwise Dagster parses it wrongly without a word.
    start = month_of(settings.first_period).strftime(FORMAT)
    if settings.now is None:
        return dg.MonthlyPartitionsDefinition(start_date=start, fmt=FORMAT, end_offset=1)
    today = date.today()
    end = months_after(settings.clock.date().replace(day=1), 1)
    ahead = (end.year - today.year) * 12 + end.month - today.month  # months the set clock is past the real one
    return dg.MonthlyPartitionsDefinition(
        start_date=start, end_date=end.strftime(FORMAT), fmt=FORMAT, end_offset=max(ahead, 0)
    )


MONTHS = months(get_settings())

# One policy for all monthly assets of a job: a run per month, so that a failed month leaves the others green.
ONE_RUN_A_MONTH = dg.BackfillPolicy.multi_run(max_partitions_per_run=1)
