"""Rating once more, in plain Decimals and loops: what the dbt models are compared with. Written from money.md, not from
the SQL: charge periods are walked forward from the start of a subscription, tiers are filled unit by unit interval, a
chain is walked from the owner up and priced from the top down.
"""

from __future__ import annotations

import calendar
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

Row = Mapping[str, Any]
TWELVE = Decimal("1e-12")
ZERO, ONE = Decimal(0), Decimal(1)
DAY = timedelta(days=1)


def exact(value: Decimal, unit: Decimal = TWELVE) -> Decimal:
    """Half away from zero; Decimal's ROUND_HALF_UP rounds the magnitude."""
    with localcontext() as context:
        context.prec = 80
        return value.quantize(unit, rounding=ROUND_HALF_UP)


def times(left: Decimal, right: Decimal) -> Decimal:
    """A product at 12 decimals."""
    with localcontext() as context:
        context.prec = 80
        return exact(left * right)


def month_of(day: date) -> date:
    return day.replace(day=1)


def add_months(month: date, number: int) -> date:
    index = month.year * 12 + month.month - 1 + number
    return date(index // 12, index % 12 + 1, 1)


def day_in(month: date, day: int) -> date:
    return month.replace(day=min(day, calendar.monthrange(month.year, month.month)[1]))


def valid(row: Row, day: date) -> bool:
    return row["valid_from"] <= day < row["valid_to"]


# -- Tiers ------------------------------------------------------------------------------------------------------------


def part(total: Decimal, tier: Row) -> Decimal:
    """How much of 0..total lies in (lower, upper]; below zero everything lies in the first tier."""
    top = total if tier["upper"] is None else min(total, tier["upper"])
    if tier["lower"] == 0:
        return top
    return max(top - tier["lower"], ZERO)


def holds(tier: Row, total: Decimal) -> bool:
    return (total > tier["lower"] or tier["lower"] == 0) and (tier["upper"] is None or total <= tier["upper"])


def fill_window(
    model: str, days: Iterable[tuple[date, Decimal, Row]], units: dict[tuple[date, int, Decimal], Decimal]
) -> Decimal:
    """Adds one window's units per (price version, tier, price) and returns its tier fees.

    days = (day, paid quantity, price version with its tiers), in order. Fees of an empty window are not its concern.
    """
    given = list(days)
    total = sum((quantity for _, quantity, _ in given), ZERO)
    fees = ZERO
    entered: set[int] = set()
    so_far = ZERO
    for _, quantity, version in given:
        for tier in version["tiers"]:
            key = (version["valid_from"], tier["tier"], tier["unit_price"])
            if model == "per_unit":
                units[key] += quantity if tier["tier"] == 1 else ZERO
            elif model == "volume":
                units[key] += quantity if holds(tier, total) else ZERO
            elif model == "stairstep":  # the fee alone: its units cost nothing
                units[version["valid_from"], tier["tier"], ZERO] += quantity if holds(tier, total) else ZERO
            else:
                units[key] += part(so_far + quantity, tier) - part(so_far, tier)
                if so_far + quantity > tier["lower"] and total > tier["lower"] and tier["tier"] not in entered:
                    entered.add(tier["tier"])
                    fees += tier["flat_fee"]
        so_far += quantity
    if model in ("volume", "stairstep") and total > 0:
        fees += sum((tier["flat_fee"] for tier in given[-1][2]["tiers"] if holds(tier, total)), ZERO)
    return fees


# -- Recurring --------------------------------------------------------------------------------------------------------


def charge_periods(anchor: str, interval: int, billing_day: int, start: date, end: date) -> Iterable[tuple[date, date]]:
    """Full charge periods [first day, first day after), from the one holding the start to the one holding the end."""
    if anchor == "calendar":
        month = month_of(start)
        while (month.month - 1) % interval:
            month = add_months(month, -1)
        billing_day = 1
    else:
        month = month_of(start)
        if day_in(month, billing_day) > start:
            month = add_months(month, -1)
    while day_in(month, billing_day) <= end:
        yield day_in(month, billing_day), day_in(add_months(month, interval), billing_day)
        month = add_months(month, interval)


def recurring(
    charge: Row,
    versions: list[Row],
    prices: list[Row],
    policy: str,
    trial_days: int,
    months: list[date],
    rate: Decimal = ONE,
) -> dict[date, Decimal]:
    """Amount per billing month of a recurring charge of one plan; versions are those of the subscription in order.

    Prices are in the edge's currency; the charge's own limits are not, `rate` takes them there.
    """
    start, end = versions[0]["start_date"], versions[-1]["end_date"]
    interval = {"month": 1, "quarter": 3, "year": 12}[charge["interval"]]
    amounts: dict[date, Decimal] = defaultdict(Decimal)
    last_period = add_months(months[-1], 2)
    first = versions[0]
    for opens, closes in charge_periods(first["anchor"], interval, first["billing_day"], start, min(end, last_period)):
        billed_in = month_of(max(opens, start) if charge["timing"] == "in_advance" else min(closes - DAY, end))
        if billed_in not in months:
            continue
        # Every live day has a price and a quantity; equal neighbours are one part.
        parts: dict[tuple[date, date, Decimal], list[date]] = defaultdict(list)
        day = max(opens, start + timedelta(days=trial_days))
        while day < closes and day <= end:
            for version in versions:
                if valid(version, day) and version["plan_id"] == charge["plan_id"]:
                    for price in prices:
                        if valid(price, day):
                            key = (version["valid_from"], price["valid_from"], version["quantity"])
                            parts[key].append(day)
            day += DAY
        if policy == "none" and parts:
            last = max(parts)
            parts = {last: parts[last]}
        by_start = {price["valid_from"]: price for price in prices}
        amount, all_billed, of_days = ZERO, 0, 1
        for (_, price_from, quantity), days in parts.items():
            billing_day = 1 if first["anchor"] == "calendar" else first["billing_day"]
            billed, of_days = billed_share(policy, days, opens, closes, interval, billing_day)
            all_billed += billed
            for tier in by_start[price_from]["tiers"]:
                for units, unit_price in tier_lines(charge["charge_model"], after_included(charge, quantity), tier):
                    amount += share(units * unit_price, billed, of_days)
        if parts:
            amounts[billed_in] += limited(charge, amount, rate, min(all_billed, of_days), of_days)
    return amounts


def after_included(charge: Row, quantity: Decimal) -> Decimal:
    """The subscribed quantity that is priced: less what the charge includes, of which no more than there is."""
    return quantity - min(charge.get("included_quantity") or ZERO, max(quantity, ZERO))


def fee_at_zero(model: str, tier: Row) -> bool:
    """Whether tier 1's flat fee is due at quantity 0: as its price says, else under graduated and volume charges."""
    said = tier["flat_fee_at_zero"]
    return said if said is not None else model in ("graduated", "volume")


def limited(charge: Row, amount: Decimal, rate: Decimal, days: int, of_days: int) -> Decimal:
    """After the discount the charge's maximum, never prorated, then its minimum, by the days it runs."""
    amount -= times(amount, charge.get("discount") or ZERO)
    return within_limits(charge, amount, rate, days, of_days)


def within_limits(charge: Row, amount: Decimal, rate: Decimal, days: int, of_days: int) -> Decimal:
    if charge.get("maximum_amount") is not None:
        amount = min(amount, times(charge["maximum_amount"], rate))
    if charge.get("minimum_amount") is not None:
        amount = max(amount, share(charge["minimum_amount"] * rate, days, of_days))
    return amount


def billed_share(
    policy: str, days: list[date], opens: date, closes: date, interval: int, billing_day: int
) -> tuple[int, int]:
    """(billed days, days of the whole charge period) of consecutive days."""
    if policy == "none":
        return 1, 1
    if policy == "assume_30":
        return len(days), 30 * interval
    if policy == "strict_30_360":
        return sum(days_worth(day, opens, closes, billing_day) for day in days), 30 * interval
    return len(days), (closes - opens).days


def days_worth(day: date, opens: date, closes: date, billing_day: int) -> int:
    """Days of 30-day months that one day of a charge period [opens, closes) is: the 30th of a month of 31 is none (the
    31st is the 30th), the last of February fills the month up, and so does the last day before a billing day that
    its month is too short for."""

    def number(which: date) -> int:
        in_month = billing_day if which in (opens, closes) else which.day
        return 30 * (which.year * 12 + which.month) + min(in_month, 30)

    return number(day + DAY) - number(day)


def tier_lines(model: str, quantity: Decimal, tier: Row) -> Iterable[tuple[Decimal, Decimal]]:
    """(units, price) of what one tier charges for a subscribed quantity, its fee included."""
    if model == "flat":
        yield (Decimal(1) if tier["tier"] == 1 else ZERO), tier["unit_price"]
    elif model == "per_unit":
        yield (quantity if tier["tier"] == 1 else ZERO), tier["unit_price"]
    elif model in ("volume", "stairstep"):
        if holds(tier, quantity):
            yield quantity, tier["unit_price"] if model == "volume" else ZERO
            if quantity > 0 or fee_at_zero(model, tier):
                yield Decimal(1), tier["flat_fee"]
    else:
        yield part(quantity, tier), tier["unit_price"]
        if quantity > tier["lower"] or (tier["lower"] == 0 and fee_at_zero(model, tier)):
            yield Decimal(1), tier["flat_fee"]


def share(amount: Decimal, days: int, of_days: int) -> Decimal:
    """The dividend is known to 12 decimals, like every amount; only the quotient is rounded after that."""
    with localcontext() as context:
        context.prec = 80
        return exact(exact(amount * days) / of_days)


# -- Chain ------------------------------------------------------------------------------------------------------------


def specificity(rule: Row) -> tuple[bool, ...]:
    return tuple(rule[name] is not None for name in ("account_id", "sku", "service", "vendor", "charge_category"))


def most_specific(rules: list[Row]) -> Row | None:
    return max(rules, key=lambda rule: (specificity(rule), [-ord(c) for c in rule["rule_id"]]), default=None)


def rule_for(rules: list[Row], agreement: str, day: date, cost: Row) -> Row | None:
    fitting = [
        rule
        for rule in rules
        if rule["agreement_id"] == agreement
        and valid(rule, day)
        and rule["vendor"] in (None, cost["vendor"])
        and rule["account_id"] in (None, cost["sub_account_id"])
        and rule["service"] in (None, cost["service_name"])
        and rule["sku"] in (None, cost["sku_id"])
        and (
            rule["charge_category"] == cost["charge_category"]
            or (rule["charge_category"] is None and cost["charge_category"] in ("Usage", "Purchase", "Adjustment"))
        )
    ]
    chosen = most_specific(fitting)
    if chosen and chosen["kind"] in ("discount", "fixed") and cost["charge_category"] != "Usage":
        # A price for usage leaves the rest at cost, but for a rule that names its category.
        return most_specific([rule for rule in fitting if rule["charge_category"] is not None]) or chosen
    return chosen


def edge_to(agreements: list[Row], buyer: str, vendor: str, day: date) -> Row | None:
    offered = [
        edge
        for edge in agreements
        if edge["buyer_id"] == buyer and edge["vendor"] in (None, vendor) and valid(edge, day)
    ]
    return min(offered, key=lambda edge: edge["vendor"] is None, default=None)


def chain(agreements: list[Row], roles: Mapping[str, str], root: str, owner: str, vendor: str, day: date) -> list[Row]:
    """Edges from the payer's party down to the owner; empty where they do not meet."""
    edges: list[Row] = []
    party = owner
    while party != root:
        edge = edge_to(agreements, party, vendor, day)
        if edge is None or roles[edge["seller_id"]] == "vendor":
            return []
        edges.insert(0, edge)
        party = edge["seller_id"]
    return edges


def step(rule: Row | None, cost: Row, upstream: Decimal, list_cost: Decimal | None) -> Decimal:
    kind = rule["kind"] if rule else "pass_through"
    usage = cost["charge_category"] == "Usage"
    if kind == "markup":
        return times(upstream, 1 + rule["value"])
    if kind == "discount" and list_cost is not None and (usage or rule["charge_category"] is not None):
        return times(list_cost, 1 - rule["value"])
    if kind == "fixed" and list_cost is not None and usage:
        return times(cost["quantity"], rule["value"])
    return upstream
