"""Usage charges that price single events, blocks, shares and amounts once more, in Decimals (money.md section 6).

Records of a charge and month are taken in time order. What is free is used up first, then each window is priced by
itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tests.dbt_project.rating_reference import Row, add_months, exact, fee_at_zero, holds, part, times

ZERO = Decimal(0)
CUT, HELD = ("graduated", "graduated_percentage", "p95"), ("volume", "stairstep")
Amounts = dict[str, Decimal]


@dataclass(frozen=True, slots=True)
class Record:
    at: datetime
    name: str
    dimension: str
    window: Any
    quantity: Decimal
    day: date
    seconds_left: Decimal
    seconds: Decimal
    version: Row

    @property
    def order(self) -> tuple[Any, ...]:
        return self.at, self.name, self.dimension


def free_parts(charge: Row, records: Sequence[Record]) -> Iterable[Decimal]:
    """How much of each record is free: an allowance, or the first events and the first amount, whichever ends first."""
    used = ZERO
    for number, record in enumerate(records, start=1):
        before, used = used, used + record.quantity
        if charge["charge_model"] != "percentage" or charge["included_quantity"]:
            allowance = charge["included_quantity"] or ZERO
            yield min(max(used, ZERO), allowance) - min(max(before, ZERO), allowance)
            continue
        events, amount = charge["free_events"] or 0, charge["free_amount"] or ZERO
        if (not events and not amount) or (events and number > events):
            yield ZERO
        elif not amount:
            yield record.quantity
        else:
            yield min(max(used, ZERO), amount) - min(max(before, ZERO), amount)


def paid_events(charge: Row, records: Sequence[Record]) -> set[tuple[Any, ...]]:
    """The events that pay a percentage's fixed fee: all but those wholly free and those that take something back."""
    events, amount = charge["free_events"] or 0, charge["free_amount"] or charge["included_quantity"] or ZERO
    used, paid = ZERO, set()
    for number, (record, free) in enumerate(zip(records, free_parts(charge, records), strict=True), start=1):
        used += record.quantity
        limits = [number > events] * bool(events) + [used >= amount] * bool(amount)
        if record.quantity > free or (record.quantity == 0 and (any(limits) or not limits)):
            paid.add(record.order)
    return {order for order in paid if charge["charge_model"] == "percentage"}


def blocks(quantity: Decimal, size: Decimal, round_down: bool) -> Decimal:
    whole, rest = divmod(max(quantity, ZERO), size)
    return whole + (1 if rest and not round_down else 0)


def price_of(charge: Row, tier: Row) -> Decimal:
    model = charge["charge_model"]
    if model == "stairstep":
        return ZERO
    if model in ("percentage", "graduated_percentage"):
        return tier["rate"]
    return charge["multiplier_price"] if model == "dynamic" else tier["unit_price"]


def units_of(charge: Row, tier: Row, record: Record, before: Decimal, after: Decimal) -> Decimal:
    """What a tier prices of a record: units, blocks begun, or units times the rest of the month."""
    if tier.get("package_size"):
        size, down = tier["package_size"], bool(tier.get("round_down"))
        return blocks(after, size, down) - blocks(before, size, down)
    if charge["prorate_units"]:
        return exact(exact((after - before) * record.seconds_left) / record.seconds)
    return after - before


class Window:
    """Rates the records of one window of one price dimension."""

    def __init__(self, charge: Row, given: Sequence[tuple[Record, Decimal]], paid_events: set[tuple[Any, ...]]) -> None:
        self.charge, self.given, self.paid_events = charge, given, paid_events
        self.total = sum((paid for _, paid in given), ZERO)
        self.units: dict[tuple[date, int, Decimal], Decimal] = defaultdict(Decimal)
        self.fees: list[tuple[date, Decimal]] = []  # price version, fee
        self.adjustments: list[tuple[date, Decimal]] = []  # of single events

    def rate(self) -> None:
        model, so_far, entered = self.charge["charge_model"], ZERO, set()
        for record, paid in self.given:
            before, so_far = so_far, so_far + paid
            for tier in record.version["tiers"]:
                if model in CUT:
                    low, high = part(before, tier), part(so_far, tier)
                elif (model in HELD and holds(tier, self.total)) or (model not in HELD and tier["tier"] == 1):
                    low, high = before, so_far
                else:
                    continue
                priced = units_of(self.charge, tier, record, low, high)
                if priced:
                    self.units[record.version["valid_from"], tier["tier"], price_of(self.charge, tier)] += priced
                if record.order in self.paid_events:
                    self._event(record, tier, times(priced, price_of(self.charge, tier)))
                is_in = so_far > tier["lower"] and (self.total > tier["lower"] or self.charge["prorate_units"])
                if model in CUT and is_in and tier["tier"] not in entered:
                    entered.add(tier["tier"])
                    self.fees.append((record.version["valid_from"], tier["flat_fee"]))
        if model in HELD and self.total > 0:
            last = self.given[-1][0].version
            self.fees += [(last["valid_from"], t["flat_fee"]) for t in last["tiers"] if holds(t, self.total)]

    def _event(self, record: Record, tier: Row, price: Decimal) -> None:
        """The fixed fee of a paid event, and what its own minimum adds or its maximum takes off."""
        fee = tier.get("fixed_fee") or ZERO
        gross = price + fee
        clamped = gross if tier.get("per_event_maximum") is None else min(gross, tier["per_event_maximum"])
        clamped = clamped if tier.get("per_event_minimum") is None else max(clamped, tier["per_event_minimum"])
        self.fees.append((record.version["valid_from"], fee))
        self.adjustments.append((record.version["valid_from"], clamped - gross))


def rated(charge: Row, versions: Sequence[Row], records: Sequence[Record], first_live: date) -> Amounts:
    """Component -> amount of a charge and month; `free` holds the free quantity. Prices are in the edge's currency."""
    amounts: Amounts = defaultdict(Decimal)
    ordered = sorted(records, key=lambda record: record.order)
    windows: dict[str, dict[Any, list[tuple[Record, Decimal]]]] = defaultdict(lambda: defaultdict(list))
    used: dict[str, set[date]] = defaultdict(set)  # dimension -> price versions of its lines
    for record, free in zip(ordered, free_parts(charge, ordered), strict=True):
        amounts["free"] += free
        if free:
            used[record.dimension].add(record.version["valid_from"])
        windows[record.dimension][record.window].append((record, record.quantity - free))
    gross: dict[str, Decimal] = defaultdict(Decimal)
    events = paid_events(charge, ordered)
    for dimension, by_window in windows.items():
        _rate_dimension(charge, dimension, by_window.values(), events, amounts, gross, used[dimension])
    _fees_at_zero(charge, versions, windows, first_live, amounts, gross, used)
    if not used["ANY"]:  # the minimum of the price for any value is due although nothing was used
        live = [v["valid_from"] for v in versions if named(v) == "ANY" and _live_in(v, first_live) and _minimum(v)]
        used["ANY"] |= set(sorted(live)[-1:])
    for dimension, total in gross.items() | {(name, ZERO) for name in used if used[name] and name not in gross}:
        if used[dimension]:
            last = next(v for v in versions if named(v) == dimension and v["valid_from"] == max(used[dimension]))
            _limit(charge, last, total, amounts)
    return {component: amount for component, amount in amounts.items() if amount}


def named(version: Row) -> str:
    return version["dimension_value"] or "ANY"


def _live_in(version: Row, first_live: date) -> bool:
    return version["valid_from"] < add_months(first_live.replace(day=1), 1) and version["valid_to"] > first_live


def _minimum(version: Row) -> Decimal:
    return version["tiers"][0].get("minimum_amount") or ZERO


def _rate_dimension(
    charge: Row,
    dimension: str,
    windows: Iterable[Sequence[tuple[Record, Decimal]]],
    events: set[tuple[Any, ...]],
    amounts: Amounts,
    gross: dict[str, Decimal],
    used: set[date],
) -> None:
    units: dict[tuple[date, int, Decimal], Decimal] = defaultdict(Decimal)
    for given in windows:
        window = Window(charge, given, events)
        window.rate()
        for key, quantity in window.units.items():
            units[key] += quantity
            used.add(key[0])
        for version, fee in window.fees:
            if fee:
                amounts["tier_fee"] += fee
                gross[dimension] += fee
                used.add(version)
        for version, adjustment in window.adjustments:
            if adjustment:
                amounts["minimum" if adjustment > 0 else "maximum"] += adjustment
                gross[dimension] += adjustment
                used.add(version)
    for (_, _, price), quantity in units.items():
        amounts["usage"] += times(quantity, price)
        gross[dimension] += times(quantity, price)


def _fees_at_zero(
    charge: Row,
    versions: Sequence[Row],
    windows: Mapping[str, Mapping[Any, Sequence[tuple[Record, Decimal]]]],
    first_live: date,
    amounts: Amounts,
    gross: dict[str, Decimal],
    used: dict[str, set[date]],
) -> None:
    """Tier 1's fee where nothing was paid, at the price of the first live day."""
    if charge["charge_model"] not in ("graduated", "volume", "stairstep", "p95"):
        return
    for version in versions:
        if not version["valid_from"] <= first_live < version["valid_to"]:
            continue
        tier, dimension = version["tiers"][0], named(version)
        paid = any(_was_paid(charge, given) for given in windows.get(dimension, {}).values())
        if not paid and fee_at_zero(charge["charge_model"], tier) and tier["flat_fee"]:
            amounts["tier_fee"] += tier["flat_fee"]
            gross[dimension] += tier["flat_fee"]
            used[dimension].add(version["valid_from"])


def _was_paid(charge: Row, given: Sequence[tuple[Record, Decimal]]) -> bool:
    """Whether a window entered tier 1; prorated units have also where they were taken back later."""
    so_far, highest = ZERO, ZERO
    for _, paid in given:
        so_far += paid
        highest = max(highest, so_far)
    return so_far > 0 or (bool(charge["prorate_units"]) and highest > 0)


def _limit(charge: Row, version: Row, gross: Decimal, amounts: Amounts) -> None:
    """Discount, then maximum, then minimum of the price."""
    discount = -times(gross, charge["discount"] or ZERO)
    amounts["discount"] += discount
    net = gross + discount
    maximum, minimum = (version["tiers"][0].get(name) for name in ("maximum_amount", "minimum_amount"))
    if maximum is not None:
        amounts["maximum"] += min(maximum - net, ZERO)
        net = min(net, maximum)
    if minimum is not None:
        amounts["minimum"] += max(minimum - net, ZERO)
