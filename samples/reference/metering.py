"""Samples to quantities (money.md section 5): counters by steps, gauges by time, in the final seller's days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from samples.edge_files import Metric
from samples.reference.catalog import Catalog
from samples.reference.numbers import ZERO, exact, number, period_of

STALENESS = timedelta(minutes=5)


@dataclass(slots=True)
class Usage:
    """What one meter read of one resource, by day and owner."""

    meter: str
    resource: str
    by_day: dict[tuple[str, date], Decimal] = field(
        default_factory=lambda: defaultdict(Decimal)
    )  # scaled; (owner, day)
    # Of means only: value × seconds and seconds by (owner, month).
    weighted: dict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    seconds: dict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))


def series_of(metrics: Iterable[Metric]) -> dict[tuple[str, tuple[tuple[str, str], ...]], dict[datetime, Decimal]]:
    """(measurement_field, labels) -> value by instant. A sample that comes again is the same sample."""
    series: dict[tuple[str, tuple[tuple[str, str], ...]], dict[datetime, Decimal]] = defaultdict(dict)
    for metric in metrics:
        labels = tuple(sorted(metric.tags.items()))
        for name, value in metric.fields.items():
            series[f"{metric.name}_{name}", labels][metric.at] = Decimal(value)
    return series


def meter(catalog: Catalog, samples: dict[str, list[Metric]]) -> list[Usage]:
    """Usage of every meter and host. `samples` holds everything delivered, by host, duplicates included."""

    @cache
    def place(host: str, at: datetime) -> tuple[str, date]:
        """Owner and local day of an instant."""
        owner = catalog.owner("edge_server", host, at.astimezone(UTC).date())
        if owner is None:
            return "unassigned", at.astimezone(UTC).date()
        day = at.astimezone(ZoneInfo(catalog.zone(owner, at.date()))).date()
        return catalog.owner("edge_server", host, day) or "unassigned", day

    found = []
    for host, metrics in sorted(samples.items()):
        all_series = series_of(metrics)
        for row in catalog.tables["meters"]:
            usage = Usage(row["meter_id"], host)
            scale = number(row.get("scale"), "1")
            for (name, _), points in all_series.items():
                if name != row["series"]:
                    continue
                if row["sample_type"] == "counter":
                    for at, step in steps(points):
                        usage.by_day[place(host, at)] += step * scale
                else:
                    for at, value, seconds in holds(points):
                        owner, day = place(host, at)
                        if row["aggregation"] == "sum":
                            usage.by_day[owner, day] += value * seconds * scale
                        else:
                            usage.weighted[owner, period_of(day)] += value * seconds
                            usage.seconds[owner, period_of(day)] += seconds
            if usage.by_day or usage.seconds:
                found.append(usage)
    return found


def steps(points: dict[datetime, Decimal]) -> Iterable[tuple[datetime, Decimal]]:
    """Increases of a counter, each at its later sample; a drop is a restart and adds the new value."""
    for (_, before), (at, value) in pairwise(sorted(points.items())):
        yield at, value - before if value >= before else value


def holds(points: dict[datetime, Decimal]) -> Iterable[tuple[datetime, Decimal, Decimal]]:
    """How long a gauge's values hold: until the next sample, five minutes at most. No hold here crosses midnight."""
    instants = sorted(points)
    for at, following in zip(instants, [*instants[1:], None], strict=True):
        held = STALENESS if following is None else min(STALENESS, following - at)
        yield at, points[at], Decimal(held // timedelta(microseconds=1)) / 1_000_000


def quantities(catalog: Catalog, usages: Iterable[Usage]) -> dict[tuple[str, str, str, str], Decimal]:
    """(meter, resource, owner, month) -> quantity at 12 decimals: sum of days, or mean over the time covered."""
    scales = {row["meter_id"]: number(row.get("scale"), "1") for row in catalog.tables["meters"]}
    found: dict[tuple[str, str, str, str], Decimal] = defaultdict(lambda: ZERO)
    for usage in usages:
        for (owner, day), quantity in usage.by_day.items():
            found[usage.meter, usage.resource, owner, period_of(day)] += quantity
        for (owner, period), seconds in usage.seconds.items():
            mean = exact(usage.weighted[owner, period] / seconds)
            found[usage.meter, usage.resource, owner, period] = exact(mean * scales[usage.meter])
    return {key: exact(quantity) for key, quantity in found.items()}
