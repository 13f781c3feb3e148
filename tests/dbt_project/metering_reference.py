"""Metering told a second time, in plain Python and sample by sample: what test_metering.py compares the mart with.

It knows nothing of quarter hours or SQL; days come from the wall clock of each instant.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any
from zoneinfo import ZoneInfo

EXACT = Context(prec=120, rounding=ROUND_HALF_UP)
STALENESS = timedelta(seconds=300)
MONTHS = (date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1))  # those that are metered
SERIES_SIGNS = str.maketrans(".-/", "___")


@dataclass(slots=True)
class Chain:
    """Owners of resources and sellers of owners, by day (half-open), and the sellers' zones."""

    owners: list[tuple[str, str, date, date]]  # resource, party, valid_from, valid_to
    sellers: dict[str, str]  # buyer -> seller
    zones: dict[str, str]  # seller -> zone

    def owner(self, resource: str, day: date) -> str | None:
        return next((party for name, party, start, end in self.owners if name == resource and start <= day < end), None)

    def zone(self, resource: str, day: date) -> ZoneInfo:
        """Of who sells to the owner of a UTC day; else of who sells on the next or the last, where it is that day."""
        if sold := self.sold(resource, day):
            return sold
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        for near, instant in ((1, midnight + timedelta(hours=23, minutes=59)), (-1, midnight)):
            zone = self.sold(resource, day + timedelta(days=near))
            if zone and instant.astimezone(zone).date() == day + timedelta(days=near):
                return zone
        return ZoneInfo("UTC")

    def sold(self, resource: str, day: date) -> ZoneInfo | None:
        seller = self.sellers.get(self.owner(resource, day) or "")
        return ZoneInfo(self.zones[seller]) if seller else None

    def day(self, resource: str, instant: datetime) -> date:
        """The day of an instant in the zone of that UTC day."""
        return instant.replace(tzinfo=UTC).astimezone(self.zone(resource, instant.date())).date()

    def month(self, resource: str, instant: datetime, first: date | None = None) -> tuple[datetime, datetime]:
        """UTC bounds of the month an instant lies in (or of the month `first`), in the zone of that UTC day."""
        zone, first = self.zone(resource, instant.date()), first or self.day(resource, instant).replace(day=1)
        following = (first + timedelta(days=31)).replace(day=1)
        bounds = (datetime(day.year, day.month, 1, tzinfo=zone) for day in (first, following))
        start, end = (bound.astimezone(UTC).replace(tzinfo=None) for bound in bounds)
        return start, end


@dataclass(slots=True)
class Day:
    increase: Decimal = Decimal(0)
    value_seconds: Decimal = Decimal(0)
    seconds: Decimal = Decimal(0)
    total: Decimal = Decimal(0)
    values: list[Decimal] = field(default_factory=list)  # in time order


def rounded(value: Decimal) -> Decimal:
    """At 12 decimals, half away from zero."""
    return value.quantize(Decimal("1e-12"), context=EXACT)


def seconds(start: datetime, end: datetime) -> Decimal:
    return Decimal((end - start) // timedelta(microseconds=1)).scaleb(-6)


def split_by_day(chain: Chain, resource: str, start: datetime, end: datetime) -> Iterator[tuple[date, Decimal]]:
    """(day, seconds) of [start, end), cut wherever the day changes, which every zone does on whole minutes."""
    while start < end:
        minute = min(end, start.replace(second=0, microsecond=0) + timedelta(minutes=1))
        yield chain.day(resource, start), seconds(start, minute)
        start = minute


def step(before: Decimal, after: Decimal, width: Decimal | None) -> Decimal:
    """What a counter rose by: a drop starts again from 0, or goes on through a known width where it is half of that."""
    if after >= before:
        return after - before
    through = width is not None and after >= 0 and before < width and before - after >= width / 2
    return after + width - before if through else after


def days_of_series(
    chain: Chain, resource: str, samples: Mapping[datetime, Decimal], width: Decimal | None
) -> dict[date, Day]:
    days: dict[date, Day] = defaultdict(Day)
    previous: Decimal | None = None
    instants = sorted(samples)
    for place, instant in enumerate(instants):
        value, day = samples[instant], days[chain.day(resource, instant)]
        if previous is not None:
            day.increase += step(previous, value, width)
        day.total += value
        day.values.append(value)
        until = min([instant + STALENESS, *instants[place + 1 : place + 2]])
        for held_on, held in split_by_day(chain, resource, instant, until):
            days[held_on].value_seconds += EXACT.multiply(value, held)
            days[held_on].seconds += held
        previous = value
    return days


def aggregate(meter: Mapping[str, Any], days: Iterable[Day]) -> Decimal | None:
    """The meter's aggregation over some days of one series."""
    given = list(days)
    values = [value for day in given for value in day.values]
    weighted = meter["sample_type"] == "gauge" and meter["aggregation"] in ("sum", "mean_time_weighted")
    if not values and not weighted:
        return None
    match meter["aggregation"], meter["sample_type"]:
        case "sum", "counter":
            return sum((day.increase for day in given), Decimal(0))
        case "sum", "gauge":
            return sum((day.value_seconds for day in given), Decimal(0))
        case "sum", "delta" | "event":
            return sum((day.total for day in given), Decimal(0))
        case "count", _:
            return Decimal(len(values))
        case "max", _:
            return max(values)
        case "last", _:
            return values[-1]
        case "mean_time_weighted", _:
            held = sum((day.seconds for day in given), Decimal(0))
            return rounded(EXACT.divide(sum((day.value_seconds for day in given), Decimal(0)), held))
    raise AssertionError(meter)


def percentiles(
    kind: str, chain: Chain, resource: str, samples: Mapping[datetime, Decimal]
) -> Iterator[tuple[date, Decimal]]:
    """(day, what it adds) of a 95th percentile: nearest rank over the five minutes heard in an owner's month."""
    buckets: dict[tuple[str, date], dict[datetime, list[Decimal]]] = defaultdict(lambda: defaultdict(list))
    heard: dict[tuple[str, date], set[date]] = defaultdict(set)
    previous: Decimal | None = None
    for instant in sorted(samples):
        value, day = samples[instant], chain.day(resource, instant)
        month = (chain.owner(resource, day) or "unassigned", day.replace(day=1))
        bucket = instant.replace(minute=instant.minute - instant.minute % 5, second=0, microsecond=0)
        risen = Decimal(0) if previous is None else step(previous, value, None)
        buckets[month][bucket].append(risen if kind == "counter" else value)
        heard[month].add(day)
        previous = value
    for month, values in buckets.items():
        worth = sorted(
            rounded(EXACT.divide(sum(each, Decimal(0)), Decimal(len(each))))
            if kind == "gauge"
            else sum(each, Decimal(0))
            for each in values.values()
        )
        for day in heard[month]:
            yield day, worth[-(-19 * len(worth) // 20) - 1] if day == max(heard[month]) else Decimal(0)


def single_samples(
    meter: Mapping[str, Any], chain: Chain, resource: str, samples: Iterable[tuple[datetime, Decimal | str]]
) -> Iterator[tuple[date, Decimal]]:
    """(day, quantity) of what looks at samples one by one: unique values of a day, a running sum weighted by time."""
    by_day: dict[date, list[tuple[datetime, Decimal | str]]] = defaultdict(list)
    for instant, value in samples:
        by_day[chain.day(resource, instant)].append((instant, value))
    if meter["aggregation"] == "unique_count":
        yield from ((day, Decimal(len({value for _, value in told}))) for day, told in by_day.items())
        return
    for day, told in by_day.items():
        # Where the owner changes, one day may lie in two zones: each instant has its own end of the month.
        bounds = {instant: chain.month(resource, instant) for instant, _ in told}
        weighed = (rounded(EXACT.multiply(value, seconds(instant, bounds[instant][1]))) for instant, value in told)
        yield day, rounded(EXACT.divide(sum(weighed, Decimal(0)), max(seconds(*month) for month in bounds.values())))
    every = [each for told in by_day.values() for each in told]
    for first in MONTHS:
        earlier = (value for at, value in every if at < chain.month(resource, at, first)[0])
        if balance := sum(earlier, Decimal(0)):
            yield first, balance


def reads(meter: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    terms = (term.split("=", 1) for term in (meter.get("filter") or "").split(";") if term)
    return all(labels.get(key, "") == value for key, value in terms)


def named(series: str) -> str:
    return series.translate(SERIES_SIGNS)


def metered_usage(
    samples: Iterable[Mapping[str, Any]], meters: Sequence[Mapping[str, Any]], chain: Chain
) -> dict[tuple[date, str, str, str, date], tuple[str, Decimal]]:
    """(month, meter, resource, dimension value, day) -> (owner, quantity)."""
    series: dict[tuple[str, str, str], dict[datetime, Decimal]] = defaultdict(dict)
    texts: dict[tuple[str, str, str], dict[datetime, str]] = defaultdict(dict)
    for sample in samples:
        told, column = (series, "value") if sample.get("text_value") is None else (texts, "text_value")
        known = told[sample["source"], sample["series"], sample["labels"]]
        known[sample["sampled_at"]] = max(sample[column], known.get(sample["sampled_at"], sample[column]))
    widths = {named(meter["series"]): Decimal(meter["wrap_at"]) for meter in meters if meter.get("wrap_at")}
    sums: dict[tuple[date, str, str, str, date], Decimal] = defaultdict(Decimal)
    dated = {key: days_of_series(chain, key[0], known, widths.get(named(key[1]))) for key, known in series.items()}
    for meter in meters:
        by_resource: dict[tuple[str, str], list[tuple[datetime, Decimal | str]]] = defaultdict(list)
        for (source, name, labels), known in (series | texts).items():
            tags = json.loads(labels)
            if named(name) != named(meter["series"]) or not reads(meter, tags):
                continue
            dimension = tags.get(meter["dimension"], "") if meter.get("dimension") else ""
            if meter["aggregation"] in ("unique_count", "weighted_sum"):
                by_resource[source, dimension] += known.items()
                continue
            if (source, name, labels) in texts:
                continue
            days = dated[source, name, labels]
            if meter["aggregation"] == "p95":
                for day, value in percentiles(meter["sample_type"], chain, source, series[source, name, labels]):
                    sums[day.replace(day=1), meter["meter_id"], source, dimension, day] += value
                continue
            for day, measured in days.items():
                value = aggregate(meter, [measured])
                if value is not None:
                    sums[day.replace(day=1), meter["meter_id"], source, dimension, day] += value
        for (source, dimension), told in by_resource.items():
            for day, value in single_samples(meter, chain, source, told):
                sums[day.replace(day=1), meter["meter_id"], source, dimension, day] += value
    scales = {meter["meter_id"]: Decimal(meter["scale"] or 1) for meter in meters}
    return {
        key: (chain.owner(key[2], key[4]) or "unassigned", rounded(EXACT.multiply(value, scales[key[1]])))
        for key, value in sums.items()
    }
