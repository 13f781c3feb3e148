"""Cloud cost down the partner chain (money.md section 8): one pass per edge and owner, rule by rule.

An edge prices in its own cost view; what is above it is priced in that view too to find its base, while its upstream
amount is what the edge above really charges, in the view of that edge. The vendor's edge is the bill itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal

from samples.reference.catalog import Catalog, Row, valid
from samples.reference.costs import Cost
from samples.reference.numbers import ZERO, exact, number
from samples.reference.rated import Rated

VENDOR = "aws"


def rule_for(catalog: Catalog, agreement: str, cost: Cost, day: date) -> Row | None:
    """The most specific rule that holds: account, SKU, service, vendor, default; then one that names the category."""
    found: Row | None = None
    best: tuple[bool, ...] | None = None
    for rule in catalog.tables["price_rules"]:
        if rule["agreement_id"] != agreement or not valid(rule, day):
            continue
        wanted = (rule.get("account_id"), rule.get("sku"), rule.get("service"), rule.get("vendor"))
        actual = (cost.account, cost.sku, cost.service, VENDOR)
        if any(want and want != have for want, have in zip(wanted, actual, strict=True)):
            continue
        category = rule.get("charge_category")
        if category != cost.category and (category or cost.category not in ("Usage", "Purchase", "Adjustment")):
            continue
        strength = (*(bool(want) for want in wanted), bool(category))
        if best is None or strength > best:
            found, best = rule, strength
    return found


def price(rule: Row | None, upstream: Decimal, cost: Cost, rate: Decimal) -> Decimal:
    """What an edge asks for a cost. `rate` turns the list cost into the edge's currency."""
    if rule is None:
        return upstream
    by_list = cost.category == "Usage" and cost.list_cost is not None
    match rule["kind"]:
        case "markup":
            return exact(upstream * (1 + number(rule.get("value"))))
        case "fixed" if by_list:
            return exact(cost.quantity * number(rule["value"]))
        case "discount" if by_list:
            return exact(exact(cost.list_cost * rate) * (1 - number(rule["value"])))
        case _:
            return upstream


def rate_costs(catalog: Catalog, rows: Iterable[Cost]) -> list[Rated]:
    """Rated amounts of every edge. Rows of one owner, key and set of rules are summed before they are priced."""
    groups: dict[tuple, list[Cost]] = defaultdict(list)
    rules_of: dict[tuple, tuple[Row | None, ...]] = {}
    for row in rows:
        owner = catalog.owner("aws_account", row.account, row.day)
        path = catalog.path(owner, VENDOR, row.day) if owner else ()
        seen = (row.account, row.sku, row.service, row.category, row.day, path)
        if seen not in rules_of:
            rules_of[seen] = tuple(rule_for(catalog, agreement, row, row.day) for agreement in path[1:])
        rule_ids = tuple(rule["rule_id"] if rule else None for rule in rules_of[seen])
        key = (row.payer, row.period, row.view, owner, path, row.account, row.service, row.sku, row.category)
        key += (row.currency, row.list_cost is not None, rule_ids)
        groups[key].append(row)
    sold: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    bought: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for key, members in groups.items():
        path = key[4]
        if not path:
            continue
        cost = _summed(members)
        views = [catalog.agreements[agreement].get("cost_view") or "effective" for agreement in path]
        charge_key = "/".join((VENDOR, cost.account, cost.service, cost.sku, cost.category))
        if cost.view == views[0]:
            sold[path[0], cost.period, charge_key] += exact(cost.amount)
        if cost.category == "Tax":
            continue  # the vendor's own tax is not resold
        amount, currency, whole_rate = exact(cost.amount), cost.currency, Decimal(1)
        rules = rules_of[cost.account, cost.sku, cost.service, cost.category, cost.day, path]
        for depth, (agreement, rule) in enumerate(zip(path[1:], rules, strict=True), start=1):
            rate = catalog.rate(agreement, currency, cost.period)
            whole_rate *= rate
            currency = catalog.agreements[agreement]["currency"]
            upstream = amount if rate == 1 else exact(amount * rate)
            amount = price(rule, upstream, cost, whole_rate)
            if cost.view == views[depth]:
                sold[agreement, cost.period, charge_key] += amount
            if cost.view == views[depth - 1]:
                bought[agreement, cost.period, charge_key] += upstream
    return [
        Rated(
            agreement,
            period,
            key,
            "usage",
            sold.get((agreement, period, key), ZERO),
            bought.get((agreement, period, key)),
        )
        for agreement, period, key in sorted(sold.keys() | bought.keys())
    ]


def _summed(members: list[Cost]) -> Cost:
    """One row for all; its list cost is unknown where the members' are."""
    first = members[0]
    list_cost = None if first.list_cost is None else sum(row.list_cost for row in members)
    return replace(
        first,
        quantity=sum(row.quantity for row in members),
        list_cost=list_cost,
        amount=sum(row.amount for row in members),
    )
