"""Budgets against what was spent (money.md section 10), month by month and, where a day has one cost, day by day.

A party is measured by what it is charged; an account, service or tag by cost in the view the party buys in, of accounts
that belong to it or to somebody below it on the day.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from samples.reference.catalog import Catalog, Row
from samples.reference.chain import VENDOR
from samples.reference.costs import Cost, charge_day, effective_cost
from samples.reference.numbers import ZERO, exact, first_day, next_month, number
from samples.reference.rated import Rated

Days = Mapping[date, Decimal]


def budget_rows(
    catalog: Catalog,
    costs: Iterable[Cost],
    bills: Mapping[tuple[str, str], Iterable[Mapping[str, Any]]],
    rated: Iterable[Rated],
    periods: Iterable[str],
) -> list[dict[str, Any]]:
    """One row per budget of the periods: what was spent at the month's end, its status, first days over thresholds."""
    found, costs, rated = [], list(costs), list(rated)
    for budget in catalog.tables["budgets"]:
        if budget["period"] not in periods:
            continue
        if budget["scope"] == "party":
            days, actual = None, _charged(catalog, budget, rated)
        else:
            days = _converted(catalog, budget, _cost_days(catalog, budget, costs, bills))
            actual = sum(days.values(), ZERO)
        amount = number(budget["amount"])
        found.append(
            {
                "budget_id": budget["budget_id"],
                "scope_value": budget.get("scope_value") or budget["party_id"],
                "period": budget["period"],
                "currency": budget["currency"],
                "actual": actual,
                "status": "exceeded" if actual > amount else "on_track",
                "crossings": None if days is None else _crossings(budget, days),
            }
        )
    return found


def _charged(catalog: Catalog, budget: Row, rated: list[Rated]) -> Decimal:
    party = budget.get("scope_value") or budget["party_id"]
    return sum(
        (
            row.amount
            for row in rated
            if row.period == budget["period"] and catalog.agreements[row.agreement]["buyer_id"] == party
        ),
        ZERO,
    )


def _cost_days(
    catalog: Catalog,
    budget: Row,
    costs: list[Cost],
    bills: Mapping[tuple[str, str], Iterable[Mapping[str, Any]]],
) -> Days:
    days: dict[date, Decimal] = defaultdict(Decimal)
    if budget["scope"] == "tag":
        key, value = budget["scope_value"].split("=", 1)
        for (_, period), lines in bills.items():
            for line in lines:
                tags = line.get("resource_tags") or {}
                if period == budget["period"] and value in (tags.get(key), tags.get(f"user:{key}")):
                    view = _view_of(catalog, budget["party_id"], line["line_item_usage_account_id"], charge_day(line))
                    if view:
                        amount = line["line_item_unblended_cost"] if view == "billed" else effective_cost(line)
                        days[charge_day(line)] += amount
        return days
    for cost in costs:
        measured = cost.account if budget["scope"] == "account" else cost.service
        if (
            cost.period == budget["period"]
            and measured == budget["scope_value"]
            and cost.view == _view_of(catalog, budget["party_id"], cost.account, cost.day)
        ):
            days[cost.day] += cost.amount
    return days


def _view_of(catalog: Catalog, party: str, account: str, day: date) -> str | None:
    """The cost view in which the party buys the account's cost on the day; None where the account is not below it."""
    owner = catalog.owner("aws_account", account, day)
    for agreement in catalog.path(owner, VENDOR, day) if owner else ():
        if catalog.agreements[agreement]["buyer_id"] == party:
            return catalog.agreements[agreement].get("cost_view") or "effective"
    return None


def _converted(catalog: Catalog, budget: Row, days: Days) -> Days:
    first = first_day(budget["period"])
    edge = catalog.seller_edge(budget["party_id"], first, VENDOR)
    rate = Decimal(1) if budget["currency"] == "USD" else catalog.rate(edge or "", "USD", budget["period"])
    converted: dict[date, Decimal] = defaultdict(Decimal)
    for day, amount in days.items():
        converted[max(day, first)] += exact(exact(amount) * rate)  # a correction of an earlier month: on the first day
    return converted


def _crossings(budget: Row, days: Days) -> dict[str, str]:
    """Threshold -> first day on which what was spent reached it."""
    shares = [Decimal(text) / 100 for text in (budget.get("thresholds") or "50;80;100").split(";")]
    found: dict[str, str] = {}
    spent, day = ZERO, first_day(budget["period"])
    while day < next_month(first_day(budget["period"])):
        spent += days.get(day, ZERO)
        for share in shares:
            if spent > 0 and spent >= share * number(budget["amount"]):
                found.setdefault(f"{share.normalize():f}", f"{day}")
        day = date.fromordinal(day.toordinal() + 1)
    return found
