"""Random cases for rating: partner chains, usage plans and recurring plans, each under ids of its own."""

from __future__ import annotations

import itertools
import random
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tests.dbt_project.rating_worlds import CURRENCIES, EVER, MONTHS, OPEN, VIEWS, ZERO, World


def number(randoms: random.Random, low: float, high: float, places: int) -> Decimal:
    return Decimal(f"{randoms.uniform(low, high):.{places}f}")


def edge_of(randoms: random.Random, agreement: str, seller: str, buyer: str, **terms: Any) -> dict[str, Any]:
    return {
        "agreement_id": agreement, "seller_id": seller, "buyer_id": buyer, "currency": randoms.choice(CURRENCIES),
        "vendor": None, "cost_view": "effective", "proration": "actual_days", "rounding": "total", "fx_source": "ECB",
        "fx_fixed_rate": number(randoms, 0.5, 2, 4) if randoms.random() < 0.2 else None,
        "valid_from": EVER, "valid_to": OPEN, **terms,
    }  # fmt: skip


def chains(world: World, randoms: random.Random, case: str) -> None:
    """One payer, a chain of one to four edges with a side branch, accounts owned along it, costs in three views."""
    depth = randoms.randint(1, 4)
    nodes = [f"{case}-p{level}" for level in range(depth + 1)]
    roles = ["distributor", *["reseller"] * (depth - 1), "customer"]
    world.parties += [{"party_id": n, "name": n, "role": r, "country": "DE"} for n, r in zip(nodes, roles, strict=True)]
    world.parties += [
        {"party_id": f"{case}-{name}", "name": name, "role": role, "country": "DE"}
        for name, role in (("side", "customer"), ("alone", "customer"), ("aws", "vendor"))
    ]
    mixed = randoms.random() < 0.4
    view = randoms.choice(VIEWS)
    changed = date(2026, randoms.randint(1, 3), randoms.randint(2, 27))
    pairs = [*itertools.pairwise(nodes), (nodes[-2], f"{case}-side")]
    for level, (seller, buyer) in enumerate(pairs):
        top = seller == nodes[0]
        terms = {"cost_view": view if top or not mixed else randoms.choice(VIEWS)}
        if randoms.random() < 0.25:  # the agreement is renewed in mid-month, in another currency
            world.agreements.append(edge_of(randoms, f"{case}-e{level}a", seller, buyer, valid_to=changed, **terms))
            world.agreements.append(edge_of(randoms, f"{case}-e{level}b", seller, buyer, valid_from=changed, **terms))
        else:
            world.agreements.append(edge_of(randoms, f"{case}-e{level}", seller, buyer, **terms))
        if randoms.random() < 0.2:  # a seller for another vendor does not matter
            world.agreements.append(edge_of(randoms, f"{case}-x{level}", f"{case}-alone", buyer, vendor="azure"))
    if randoms.random() < 0.5:
        bill = {"cost_view": randoms.choice(VIEWS) if mixed else view, "currency": "USD"}
        world.agreements.append(edge_of(randoms, f"{case}-bill", f"{case}-aws", nodes[0], **bill))
    world.payers.append(
        {"payer_id": f"{case}-payer", "vendor": "aws", "party_id": nodes[0], "valid_from": EVER, "valid_to": OPEN}
    )
    accounts = [f"{case}-a{index}" for index in range(5)]
    candidates = [*nodes, f"{case}-side", nodes[-1], nodes[-1]]
    for account in accounts[:4]:
        owner = {"resource_kind": "aws_account", "resource_id": account}
        if randoms.random() < 0.3:
            first, second = randoms.choice(candidates), randoms.choice([*candidates, f"{case}-alone"])
            world.owners.append({**owner, "party_id": first, "valid_from": EVER, "valid_to": changed})
            world.owners.append({**owner, "party_id": second, "valid_from": changed, "valid_to": OPEN})
        else:
            world.owners.append({**owner, "party_id": randoms.choice(candidates), "valid_from": EVER, "valid_to": OPEN})
    edges = [e["agreement_id"] for e in world.agreements if e["agreement_id"].startswith(f"{case}-e")]
    for edge in edges:
        for index in range(randoms.randint(0, 4)):
            kind = randoms.choice(["markup", "discount", "fixed", "pass_through"])
            changes = randoms.random() < 0.3
            world.rules.append(
                {
                    "rule_id": f"{edge}-rule{index}", "agreement_id": edge, "kind": kind,
                    "value": number(randoms, 0.01, 0.4, 3),
                    "vendor": randoms.choice([None, "aws"]), "service": randoms.choice([None, None, "EC2", "S3"]),
                    "sku": randoms.choice([None, None, "sku1"]),
                    "account_id": randoms.choice([None, None, accounts[0]]),
                    "charge_category": randoms.choice([None, None, "Usage", "Credit", "Tax", "Purchase"]),
                    "valid_from": changed if changes else EVER, "valid_to": OPEN,
                }
            )  # fmt: skip
    for month in MONTHS:
        for _ in range(randoms.randint(6, 14)):
            add_cost(world, randoms, case, randoms.choice(accounts), month)


def add_cost(world: World, randoms: random.Random, case: str, account: str, month: date) -> None:
    category = randoms.choice(["Usage", "Usage", "Usage", "Usage", "Purchase", "Credit", "Tax", "Adjustment"])
    sign = -1 if category == "Credit" else 1
    listed = number(randoms, 1, 90, 9) if category in ("Usage", "Purchase") and randoms.random() < 0.7 else None
    row = {
        "billing_period": month, "service_period": month, "charge_date": month.replace(day=randoms.randint(1, 28)),
        "payer_account_id": f"{case}-payer", "sub_account_id": account, "vendor": "aws",
        "service_name": randoms.choice(["EC2", "S3", "RDS"]), "sku_id": randoms.choice(["sku1", "sku2"]),
        "charge_category": category, "component": "on_demand", "commitment_discount_id": "-", "pricing_unit": "Hrs",
        "quantity": number(randoms, 0, 900, 6), "list_cost": listed, "currency": "USD",
    }  # fmt: skip
    for view in VIEWS:
        if randoms.random() < 0.9:
            world.costs.append({**row, "cost_view": view, "amount": sign * number(randoms, 0.001, 80, 14)})


def tiers_of(randoms: random.Random) -> list[dict[str, Any]]:
    bounds = sorted(number(randoms, 1, 200, randoms.choice([0, 3])) for _ in range(randoms.randint(0, 3)))
    lowers, uppers = [ZERO, *bounds], [*bounds, None]
    at_zero = randoms.choice([True, False, None])
    return [
        {
            "tier": index + 1, "lower": lower, "upper": upper, "unit_price": number(randoms, 0, 3, 7),
            "flat_fee": number(randoms, 0.5, 9, 2) if randoms.random() < 0.5 else ZERO, "flat_fee_at_zero": at_zero,
        }
        for index, (lower, upper) in enumerate(zip(lowers, uppers, strict=True))
    ]  # fmt: skip


def versions_of(randoms: random.Random, charge: str, dimension: str | None, gap: bool) -> list[dict[str, Any]]:
    base = {"charge_id": charge, "dimension_value": dimension}
    changed = date(2026, randoms.randint(1, 3), randoms.randint(2, 27))
    if randoms.random() < 0.5:
        return [{**base, "valid_from": EVER, "valid_to": OPEN, "tiers": tiers_of(randoms)}]
    again = changed + timedelta(days=randoms.randint(1, 5) if gap else 0)
    return [
        {**base, "valid_from": EVER, "valid_to": changed, "tiers": tiers_of(randoms)},
        {**base, "valid_from": again, "valid_to": OPEN, "tiers": tiers_of(randoms)},
    ]


def sold(world: World, randoms: random.Random, case: str, **terms: Any) -> None:
    """A seller, a buyer, an agreement between them and a plan, perhaps in another currency."""
    names = ("seller", "buyer", "below")
    world.parties += [
        {"party_id": f"{case}-{name}", "name": name, "role": "reseller", "country": "DE"} for name in names
    ]
    world.agreements.append(edge_of(randoms, f"{case}-edge", f"{case}-seller", f"{case}-buyer", **terms))
    currency = randoms.choice(CURRENCIES)
    world.plans.append(
        {"plan_id": f"{case}-plan", "name": case, "currency": currency, "trial_days": terms.get("trial", 0)}
    )


def limits_of(randoms: random.Random) -> dict[str, Any]:
    """Discount, minimum and maximum of a charge itself, in its plan's currency; the minimum may be the greater."""
    return {
        "discount": number(randoms, 0.01, 0.9, 2) if randoms.random() < 0.3 else None,
        "minimum_amount": number(randoms, 0, 90, 2) if randoms.random() < 0.3 else None,
        "maximum_amount": number(randoms, 0, 90, 2) if randoms.random() < 0.3 else None,
        "prorate_units": False,
    }


def usage_plans(world: World, randoms: random.Random, case: str) -> None:
    """A subscription with one usage charge; three months of daily usage with fractions, silence and negative days."""
    sold(world, randoms, case)
    start = date(2025, 12, 1) + timedelta(days=randoms.choice([0, 0, randoms.randint(1, 80)]))
    end = OPEN if randoms.random() < 0.7 else start + timedelta(days=randoms.randint(20, 70))
    world.subscriptions.append(
        {
            "subscription_id": f"{case}-sub", "seller_id": f"{case}-seller", "buyer_id": f"{case}-buyer",
            "plan_id": f"{case}-plan", "start_date": start, "end_date": end, "valid_from": EVER, "valid_to": OPEN,
        }
    )  # fmt: skip
    charge = f"{case}-charge"
    world.charges.append(
        {
            "charge_id": charge, "plan_id": f"{case}-plan", "name": charge, "charge_type": "usage",
            "charge_model": randoms.choice(["per_unit", "graduated", "graduated", "volume", "volume", "stairstep"]),
            "meter_id": f"{case}-meter", "window": randoms.choice(["period", "period", "day"]),
            "included_quantity": number(randoms, 1, 120, 3) if randoms.random() < 0.5 else None,
            **limits_of(randoms),
        }
    )  # fmt: skip
    if randoms.random() < 0.05:  # means nothing for a stairstep price: not rated
        world.charges[-1] |= {"charge_model": "stairstep", "prorate_units": True}
    gap = randoms.random() < 0.3
    world.prices += versions_of(randoms, charge, None, gap)
    if randoms.random() < 0.4:
        world.prices += versions_of(randoms, charge, "eu", gap)
    quiet, is_gauge = randoms.random() < 0.2, randoms.random() < 0.3
    for month in MONTHS:
        for _ in range(0 if quiet else randoms.randint(0, 12)):
            owner = randoms.choice(["buyer", "buyer", "buyer", "unassigned"])
            quantity = number(randoms, 0, 60, 6) if randoms.random() < 0.9 else -number(randoms, 0, 10, 3)
            world.usage.append(
                {
                    "billing_period": month, "service_period": month, "meter_id": f"{case}-meter",
                    "resource_kind": "edge_server", "resource_id": f"{case}-{owner}{randoms.randint(1, 99999)}",
                    "dimension_value": randoms.choice(["", "eu", "us"]), "unit": "GB",
                    "usage_date": month.replace(day=randoms.randint(1, 28)),
                    "owner_party_id": owner if owner == "unassigned" else f"{case}-{owner}",
                    "quantity": quantity,
                    "period_quantity": number(randoms, -5, 30, 6) if is_gauge else quantity,
                }
            )  # fmt: skip


def recurring_plans(world: World, randoms: random.Random, case: str) -> None:
    """A subscription with one or two recurring charges, perhaps changed in quantity or plan, or paused, in a month."""
    trial = randoms.choice([0, 0, 0, 10, 40])
    policies = ["actual_days", "assume_30", "strict_30_360", "second", "none"]
    sold(world, randoms, case, proration=randoms.choice(policies))
    world.plans[-1]["trial_days"] = trial
    world.plans.append({**world.plans[-1], "plan_id": f"{case}-plan2"})
    start = date(2025, 1, 31) + timedelta(days=randoms.randint(0, 410))
    end = OPEN if randoms.random() < 0.6 else start + timedelta(days=randoms.randint(0, 300))
    base = {
        "subscription_id": f"{case}-sub", "seller_id": f"{case}-seller", "buyer_id": f"{case}-buyer",
        "billing_day": randoms.choice([1, 15, 28, 31, start.day]),
        "anchor": randoms.choice(["calendar", "anniversary"]),
        "start_date": start, "end_date": end,
    }  # fmt: skip
    changed = date(2026, randoms.randint(1, 3), randoms.randint(1, 28))
    first = {**base, "plan_id": f"{case}-plan", "quantity": number(randoms, 0, 40, 2)}
    if randoms.random() < 0.5:
        world.subscriptions.append({**first, "valid_from": EVER, "valid_to": OPEN})
    else:
        plan = randoms.choice([f"{case}-plan", f"{case}-plan2"])
        second = {**first, "plan_id": plan, "quantity": number(randoms, 0, 40, 2)}
        world.subscriptions.append({**first, "valid_from": EVER, "valid_to": changed})
        again = changed + timedelta(days=randoms.choice([0, 0, 0, 9, 40]))  # paused until then
        world.subscriptions.append({**second, "valid_from": again, "valid_to": OPEN})
    for plan in ("plan", "plan2"):
        charge = f"{case}-{plan}"
        world.charges.append(
            {
                "charge_id": charge, "plan_id": f"{case}-{plan}", "name": charge, "charge_type": "recurring",
                "charge_model": randoms.choice(["flat", "per_unit", "graduated", "volume", "stairstep"]),
                "included_quantity": number(randoms, 0.5, 30, 2) if randoms.random() < 0.3 else None,
                "timing": randoms.choice(["in_advance", "in_arrears"]),
                "interval": randoms.choice(["month", "month", "quarter", "year"]),
                "proration": randoms.choice([None, None, None, "actual_days", "strict_30_360", "none"]),
                **limits_of(randoms),
            }
        )  # fmt: skip
        world.prices += versions_of(randoms, charge, None, randoms.random() < 0.2)
