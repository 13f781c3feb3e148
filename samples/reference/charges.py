"""Subscriptions to charges (money.md sections 6 and 7): recurring by charge period, usage by the day's price.

Knows what the sample world needs: flat and per_unit recurring charges by month, usage per_unit, graduated and volume
over the period, included quantities, `actual_days`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal

from samples.reference.catalog import Catalog, Row, valid
from samples.reference.metering import Usage, quantities
from samples.reference.numbers import ZERO, exact, first_day, in_month, next_month, number, period_of, share
from samples.reference.rated import Rated

DAY = timedelta(days=1)


def live_span(subscription: Row) -> tuple[date, date]:
    """`[start, end)` of one version of a subscription: its last day counts, `valid_to` does not."""
    start = max(subscription["start_date"], subscription.get("valid_from") or date.min)
    last = subscription.get("end_date")
    return start, min(last + DAY if last else date.max, subscription.get("valid_to") or date.max)


def edge_of(catalog: Catalog, subscription: Row, day: date) -> str:
    """The agreement between seller and buyer on the day."""
    for row in catalog.tables["agreements"]:
        ends = (row["seller_id"], row["buyer_id"])
        if ends == (subscription["seller_id"], subscription["buyer_id"]) and valid(row, day):
            return row["agreement_id"]
    raise KeyError(f"no agreement for {subscription['subscription_id']} on {day}")


def rate_subscriptions(catalog: Catalog, usages: list[Usage], periods: Iterable[str]) -> list[Rated]:
    """Everything subscriptions owe in the months, and what is due in them ahead of the month after."""
    plans = {row["plan_id"]: row for row in catalog.tables["plans"]}
    rated: list[Rated] = []
    for subscription in catalog.tables["subscriptions"]:
        currency = plans[subscription["plan_id"]]["currency"]
        for charge in catalog.tables["plan_charges"]:
            if charge["plan_id"] != subscription["plan_id"]:
                continue
            if charge["charge_type"] == "recurring":
                rated += recurring(catalog, subscription, charge, currency, list(periods))
            else:
                for period in periods:
                    rated += used(catalog, subscription, charge, currency, period, usages)
    return rated


# -- recurring ---------------------------------------------------------------------------------------------------------


def charge_periods(subscription: Row, until: date) -> Iterator[tuple[date, date]]:
    """`[start, end)` of the subscription's charge periods that begin before `until`."""
    calendar = subscription.get("anchor") == "calendar"
    billing_day = 1 if calendar else int(subscription.get("billing_day") or subscription["start_date"].day)
    month = next_month(subscription["start_date"], -1)
    while (start := in_month(month, billing_day)) < until:
        month = next_month(month)
        end = in_month(month, billing_day)
        if end > subscription["start_date"]:
            yield start, end


def recurring(catalog: Catalog, subscription: Row, charge: Row, currency: str, periods: list[str]) -> Iterator[Rated]:
    """Price × live days / days of the charge period, with the month that holds its last (or first) day."""
    live_from, live_to = live_span(subscription)
    in_advance = charge["timing"] == "in_advance"
    for start, end in charge_periods(subscription, next_month(first_day(max(periods)), 2)):
        days = (min(end, live_to) - max(start, live_from)).days
        if days <= 0:
            continue
        period = period_of(max(start, live_from) if in_advance else min(end, live_to) - DAY)
        is_first = start <= subscription["start_date"]
        due = period_of(next_month(first_day(period), -1)) if in_advance and not is_first else period
        if due not in periods:
            continue
        agreement = edge_of(catalog, subscription, max(start, live_from))
        unit_price = exact(
            price_on(catalog, charge, max(start, live_from))[0]["unit_price"]
            * catalog.rate(agreement, currency, period)
        )
        units = number(subscription.get("quantity"), "1") if charge["charge_model"] == "per_unit" else Decimal(1)
        yield Rated(
            agreement=agreement,
            period=period,
            key=f"{subscription['subscription_id']}/{charge['charge_id']}/recurring",
            component="recurring",
            amount=share(units * unit_price, days, (end - start).days),
            upstream=None,
            in_advance=in_advance,
            due=due,
        )


# -- usage -------------------------------------------------------------------------------------------------------------


def price_on(catalog: Catalog, charge: Row, day: date) -> list[dict[str, Decimal | None]]:
    """The tiers of the price that holds on the day, lowest first."""
    tiers = [
        {
            "lower": number(row.get("lower")),
            "upper": number(row["upper"]) if row.get("upper") else None,
            "unit_price": number(row.get("unit_price")),
            "flat_fee": number(row.get("flat_fee")),
        }
        for row in sorted(catalog.tables["charge_prices"], key=lambda row: row.get("tier") or 1)
        if row["charge_id"] == charge["charge_id"] and valid(row, day)
    ]
    if not tiers:
        raise KeyError(f"no price for {charge['charge_id']} on {day}")
    return tiers


def daily_quantities(
    catalog: Catalog, subscription: Row, charge: Row, period: str, usages: list[Usage]
) -> dict[date, Decimal]:
    """What the subscription's resources used on each of its live days; a mean stands on the month's last day."""
    live_from, live_to = live_span(subscription)
    means = quantities(catalog, [usage for usage in usages if usage.seconds])
    days: dict[date, Decimal] = defaultdict(Decimal)

    def below(owner: str, day: date) -> bool:
        """The owner is the buyer, or buys from it down the chain."""
        while owner != subscription["buyer_id"]:
            agreement = catalog.seller_edge(owner, day)
            if agreement is None:
                return False
            owner = catalog.agreements[agreement]["seller_id"]
        return True

    for usage in usages:
        if usage.meter != charge["meter_id"]:
            continue
        if (subscription.get("resource_id") or usage.resource) != usage.resource:
            continue
        for (owner, day), quantity in usage.by_day.items():
            if period_of(day) == period and live_from <= day < live_to and below(owner, day):
                days[day] += quantity
        last = next_month(first_day(period)) - DAY
        for owner, month in usage.seconds:
            if month == period and below(owner, last):
                if not live_from <= first_day(period) <= last < live_to:
                    raise ValueError("no subscription of this world meters a mean over part of a month")
                days[last] += means[usage.meter, usage.resource, owner, month]
    return days


def used(
    catalog: Catalog, subscription: Row, charge: Row, currency: str, period: str, usages: list[Usage]
) -> Iterator[Rated]:
    """Usage of one charge in a month: included units first, in time order; tiers run over the whole month."""
    start, end = first_day(period), next_month(first_day(period))
    live_from, live_to = live_span(subscription)
    if live_from >= end or live_to <= start:
        return
    agreement = edge_of(catalog, subscription, max(live_from, start))
    rate = catalog.rate(agreement, currency, period)
    days = daily_quantities(catalog, subscription, charge, period, usages)
    included = number(charge.get("included_quantity"))
    total = max(ZERO, sum(days.values(), ZERO) - included)
    parts: dict[tuple[Decimal, Decimal], Decimal] = defaultdict(Decimal)  # (lower bound, unit price) -> units
    fees: dict[Decimal, Decimal] = {}  # lower bound -> fee
    priced = seen = ZERO
    for day in sorted(days):
        seen += days[day]
        units = max(ZERO, seen - included) - priced
        tiers = price_on(catalog, charge, day)
        for tier in tiers:
            lower, upper = tier["lower"], tier["upper"]
            match charge["charge_model"]:
                case "per_unit":
                    part = units if tier is tiers[0] else ZERO
                case "volume":
                    holds = lower < total and (upper is None or total <= upper)
                    part = units if holds else ZERO
                case "graduated":
                    top = priced + units if upper is None else min(priced + units, upper)
                    part = max(ZERO, top - max(priced, lower))
                case other:
                    raise ValueError(f"no plan of this world has the charge model {other}")
            if part > 0:
                parts[lower, exact(tier["unit_price"] * rate)] += part
                if charge["charge_model"] != "per_unit":
                    fees.setdefault(lower, exact(tier["flat_fee"] * rate))
        priced += units
    if total == 0 and charge["charge_model"] in ("graduated", "volume"):
        # Nothing used: the first tier's fee is due all the same, while the subscription is live.
        fees[ZERO] = exact(price_on(catalog, charge, max(live_from, start))[0]["flat_fee"] * rate)
    key = f"{subscription['subscription_id']}/{charge['charge_id']}"
    amount = sum((exact(units * price) for (_, price), units in parts.items()), ZERO)
    if days:
        yield Rated(agreement, period, f"{key}/usage", "usage", amount, None)
    if any(fees.values()):
        yield Rated(agreement, period, f"{key}/tier_fee", "tier_fee", sum(fees.values(), ZERO), None)
