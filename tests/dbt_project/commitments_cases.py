"""Random pairs of a seller and a buyer with commitments, adjustments and prepaid, each under ids of its own."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tests.dbt_project.commitments_reference import Pair
from tests.dbt_project.rating_cases import number
from tests.dbt_project.rating_reference import add_months
from tests.dbt_project.rating_worlds import EVER, OPEN

MONTHS = [add_months(date(2025, 10, 1), index) for index in range(8)]
CHARGES = ("a", "b", "c")  # a and b are of plan 1, c is of plan 2
CATEGORIES = ("reduced", "standard", "standard")
KINDS = ("minimum", "minimum", "minimum", "maximum", "maximum", "overage", "prepaid", "prepaid")


def random_day(randoms: random.Random) -> date:
    first = randoms.choice([True, False])
    month = add_months(date(2025, 8, 1), randoms.randint(0, 9))
    return month if first else month + timedelta(days=randoms.randint(0, 30))


def pair_of(randoms: random.Random, case: str) -> tuple[Pair, list[dict[str, Any]]]:
    """The pair and what it is charged before anything is settled."""
    pair = Pair(
        agreements_of(randoms, case), [], {f"{case}-{name}": f"{case}-plan{1 + (name == 'c')}" for name in CHARGES}
    )
    for index in range(randoms.choice([1, 1, 2, 3])):
        pair.subscriptions += versions_of(randoms, case, f"{case}-s{index}")
    # The last is about an agreement, so that a scope always has something to name.
    for index in range(randoms.choice([1, 1, 2, 3, 5])):
        pair.commitments.append(commitment_of(randoms, pair, f"{case}-k{randoms.randint(0, 99):02d}{index}"))
    for index in range(randoms.choice([0, 0, 1, 2, 3])):
        pair.adjustments.append(adjustment_of(randoms, pair, f"{case}-d{randoms.randint(0, 99):02d}{index}"))
    return pair, charges_of(randoms, pair, case)


def agreements_of(randoms: random.Random, case: str) -> list[dict[str, Any]]:
    """One agreement, or two of which the second takes over, perhaps in another currency."""
    base = {"seller_id": f"{case}-seller", "buyer_id": f"{case}-buyer", "vendor": None}
    first = {**base, "agreement_id": f"{case}-e1", "currency": "EUR", "valid_from": EVER, "valid_to": OPEN}
    if randoms.random() < 0.7:
        return [first]
    renewed = random_day(randoms)
    second = {**first, "agreement_id": f"{case}-e2", "currency": randoms.choice(["EUR", "USD"]), "valid_from": renewed}
    return [{**first, "valid_to": renewed}, second]


def versions_of(randoms: random.Random, case: str, name: str) -> list[dict[str, Any]]:
    """A subscription: whole, with another plan from a day on, or paused between two versions."""
    start = random_day(randoms)
    end = OPEN if randoms.random() < 0.6 else start + timedelta(days=randoms.randint(0, 150))
    base = {
        "subscription_id": name, "seller_id": f"{case}-seller", "buyer_id": f"{case}-buyer", "quantity": 1,
        "plan_id": f"{case}-plan{randoms.choice([1, 1, 2])}", "start_date": start, "end_date": end,
    }  # fmt: skip
    if randoms.random() < 0.5:
        return [{**base, "valid_from": EVER, "valid_to": OPEN}]
    changed = start + timedelta(days=randoms.randint(1, 90))
    again = changed + timedelta(days=randoms.choice([0, 0, 12, 40]))
    plan = f"{case}-plan{randoms.choice([1, 2])}"
    return [
        {**base, "valid_from": EVER, "valid_to": changed},
        {**base, "plan_id": plan, "valid_from": again, "valid_to": OPEN},
    ]


def scope_of(randoms: random.Random, pair: Pair) -> dict[str, Any]:
    names = {"agreement_id": None, "subscription_id": None, "charge_id": None}
    agreement = randoms.choice(pair.agreements)["agreement_id"]
    subscription = randoms.choice(pair.subscriptions)["subscription_id"]
    charge = randoms.choice(list(pair.charge_plans))
    chosen = randoms.choice(
        [
            {"charge_id": charge, "subscription_id": subscription},
            {"charge_id": charge, "agreement_id": agreement, "subscription_id": subscription},
            {"charge_id": charge},
            {"charge_id": charge, "agreement_id": agreement},
            {"subscription_id": subscription},
            {"subscription_id": subscription},
            {"agreement_id": agreement, "subscription_id": subscription},
            {"agreement_id": agreement},
            {"agreement_id": agreement},
            {"agreement_id": agreement},
        ]
    )
    return names | chosen


def commitment_of(randoms: random.Random, pair: Pair, name: str) -> dict[str, Any]:
    kind = randoms.choice(KINDS)
    start = EVER if randoms.random() < 0.2 else random_day(randoms)
    if randoms.random() < 0.2:  # so long ago that its terms end in these months
        start = start if start == EVER else add_months(start, -12).replace(day=start.day if start.day < 29 else 28)
    end = OPEN if start == EVER or randoms.random() < 0.5 else start + timedelta(days=randoms.randint(10, 420))
    return {
        **scope_of(randoms, pair), "commitment_id": name, "kind": kind, "amount": number(randoms, 1, 400, 3),
        "factor": randoms.choice([None, Decimal("1.5"), Decimal("1.333")]) if kind == "overage" else None,
        "interval": randoms.choice([None, "month", "quarter", "quarter", "year"]),
        "tax_category": randoms.choice([None, "reduced"]), "start_date": start, "end_date": end,
    }  # fmt: skip


def adjustment_of(randoms: random.Random, pair: Pair, name: str) -> dict[str, Any]:
    by_share = randoms.random() < 0.5
    period = None if randoms.random() < 0.4 else f"{randoms.choice(MONTHS):%Y-%m}"
    return {
        **scope_of(randoms, pair), "adjustment_id": name, "kind": randoms.choice(["coupon", "credit"]),
        "amount": None if by_share else number(randoms, 1, 150, 2),
        "share": number(randoms, 0.01, 1, 2) if by_share else None,
        "position": randoms.choice([None, 1, 1, 2]), "period": period, "reason": None,
    }  # fmt: skip


def charges_of(randoms: random.Random, pair: Pair, case: str) -> list[dict[str, Any]]:
    """Some charges of each subscription, cloud cost of the edge, now and then a credit."""
    charged = []
    for month in MONTHS:
        edges = [
            edge for edge in pair.agreements if edge["valid_from"] < add_months(month, 1) and edge["valid_to"] > month
        ]
        for edge in edges:
            for subscription in sorted({version["subscription_id"] for version in pair.subscriptions}):
                for charge in pair.charge_plans:
                    if randoms.random() < 0.3:
                        charged.append(charge_of(randoms, case, month, edge, subscription, charge))
            if randoms.random() < 0.3:
                charged.append(charge_of(randoms, case, month, edge, None, None))
    return sorted(charged, key=lambda row: str(row))


def charge_of(
    randoms: random.Random, case: str, month: date, edge: dict[str, Any], subscription: str | None, charge: str | None
) -> dict[str, Any]:
    sign = -1 if randoms.random() < 0.08 else 1
    return {
        "period": month, "agreement_id": edge["agreement_id"], "currency": edge["currency"],
        "subscription_id": subscription, "charge_id": charge, "tax_category": randoms.choice(CATEGORIES),
        "amount": sign * number(randoms, 0, 120, 6), "seller_id": f"{case}-seller", "buyer_id": f"{case}-buyer",
    }  # fmt: skip


def lake_rows(pairs: dict[str, Pair]) -> dict[str, list[dict[str, Any]]]:
    catalog: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for case, pair in pairs.items():
        catalog["catalog__agreements"] += pair.agreements
        catalog["catalog__subscriptions"] += pair.subscriptions
        catalog["catalog__commitments"] += pair.commitments
        catalog["catalog__adjustments"] += pair.adjustments
        catalog["catalog__plans"] += [{"plan_id": f"{case}-plan{n}", "currency": "EUR"} for n in (1, 2)]
        catalog["catalog__plan_charges"] += [
            {"charge_id": charge, "plan_id": plan, "name": charge, "charge_type": "usage", "charge_model": "per_unit"}
            for charge, plan in pair.charge_plans.items()
        ]
    rows = {table: [{**row, "recorded_at": "2026-01-01"} for row in given] for table, given in catalog.items()}
    rows["months"] = [
        {"time_zone": "UTC", "billing_period": month, "starts_at": month, "ends_at": add_months(month, 1)}
        for month in MONTHS
    ]
    return rows
