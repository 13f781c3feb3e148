"""API usage told a second time, in plain Python and event by event: what test_api_usage.py compares the marts with.

Takes the events as they are meant, not as they are delivered. Knows no SQL and nothing of how usage is grouped.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from fractions import Fraction

from tests.dbt_project.metering_reference import Chain

WAYS = {"api_application": "application", "api_provider": "provider", "api_consumer": "consumer"}
UNIT = Decimal("1e-12")
EXACT = Context(prec=80, rounding=ROUND_HALF_UP)

Who = tuple[str, str, str, str]  # API, provider, application, consumer


@dataclass(frozen=True)
class Event:
    id: str
    at: datetime  # UTC
    api: str
    provider: str
    application: str
    consumer: str
    status: int
    bytes: int | None

    @property
    def who(self) -> Who:
        return self.api, self.provider, self.application, self.consumer


@dataclass(frozen=True)
class Charge:
    """A price per unit of what the resources of one kind did, for a buyer and everybody below it."""

    buyer: str
    kind: str
    per_gigabyte: bool
    price: Decimal
    currency: str


@dataclass
class Count:
    requests: int = 0
    bytes: int = 0
    errors: int = 0


def used(event: Event, kind: str, chain: Chain) -> tuple[str, str]:
    """(month, owner) of an event as usage of its resource of that kind."""
    resource = f"{kind}:{getattr(event, WAYS[kind])}"
    day = chain.day(resource, event.at)
    return f"{day:%Y-%m}", chain.owner(resource, day) or "unassigned"


def month_of(event: Event, chain: Chain) -> str:
    """The one month of an event: the application's, else the provider's, else the consumer's, else UTC."""
    for kind, member in WAYS.items():
        resource = f"{kind}:{getattr(event, member)}"
        if chain.owner(resource, event.at.date()):
            return f"{chain.day(resource, event.at):%Y-%m}"
    return f"{event.at:%Y-%m}"


def counts(events: Iterable[Event], chain: Chain) -> dict[tuple[str, Who], Count]:
    """(month, who) -> what the gateway saw."""
    found: dict[tuple[str, Who], Count] = defaultdict(Count)
    for event in events:
        count = found[month_of(event, chain), event.who]
        count.requests += 1
        count.bytes += event.bytes or 0
        count.errors += event.status >= 400
    return dict(found)


def split(total: Decimal, weights: Mapping[tuple, int]) -> dict[tuple, Decimal]:
    """Largest remainder at 12 decimals, ties to the smaller key."""
    units, weight = int(total / UNIT), sum(weights.values())
    exact = {key: Fraction(units * share, weight) for key, share in weights.items()}
    floors = {key: share.numerator // share.denominator for key, share in exact.items()}
    by_rest = sorted(weights, key=lambda key: (floors[key] - exact[key], key))
    for key in by_rest[: units - sum(floors.values())]:
        floors[key] += 1
    return {key: EXACT.multiply(Decimal(floor), UNIT) for key, floor in floors.items()}


def amounts(
    events: Iterable[Event], charges: Iterable[Charge], chain: Chain, below: Mapping[str, set[str]]
) -> dict[tuple[str, Who, str], list[Decimal]]:
    """(month, who, currency) -> [charged to the owners, charged on the edges above]."""
    found: dict[tuple[str, Who, str], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    known = list(events)
    for charge in charges:
        requests: dict[str, dict[tuple, int]] = defaultdict(lambda: defaultdict(int))
        sizes: dict[str, dict[tuple, int]] = defaultdict(lambda: defaultdict(int))
        for event in known:
            month, owner = used(event, charge.kind, chain)
            if owner in below[charge.buyer]:
                key = (*event.who, owner == charge.buyer)
                requests[month][key] += 1
                sizes[month][key] += event.bytes or 0
        for month, weights in requests.items():
            if charge.per_gigabyte:
                weights = sizes[month] if sum(sizes[month].values()) else weights
                quantity = Decimal(sum(sizes[month].values())).scaleb(-9)
            else:
                quantity = Decimal(sum(weights.values()))
            with localcontext(EXACT):
                amount = (quantity * charge.price).quantize(UNIT)
            for (*who, is_owner), part in split(amount, weights).items():
                found[month, tuple(who), charge.currency][0 if is_owner else 1] += part
    return dict(found)
