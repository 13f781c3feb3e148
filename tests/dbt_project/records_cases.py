"""Random usage charges of every model, priced over days or single events, and what the reference says of them."""

from __future__ import annotations

import calendar
import random
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.dbt_project.rating_cases import number, sold, versions_of
from tests.dbt_project.rating_reference import exact, times
from tests.dbt_project.rating_worlds import EVER, MONTHS, OPEN, ZERO, World
from tests.dbt_project.records_reference import Record, named, rated

MODELS = [
    *("per_unit", "graduated", "graduated", "volume", "volume", "stairstep", "package", "package"),
    *("percentage", "percentage", "graduated_percentage", "p95", "dynamic"),
]
PREFIX = "e"


def record_plans(world: World, randoms: random.Random, case: str) -> None:
    """A subscription with one usage charge of any model, and events of three months; each event is a record."""
    sold(world, randoms, case)
    world.subscriptions.append(
        {
            "subscription_id": f"{case}-sub", "seller_id": f"{case}-seller", "buyer_id": f"{case}-buyer",
            "plan_id": f"{case}-plan", "start_date": date(2025, 12, 1), "end_date": OPEN,
            "valid_from": EVER, "valid_to": OPEN,
        }
    )  # fmt: skip
    model, charge = randoms.choice(MODELS), f"{case}-charge"
    shares = model in ("percentage", "dynamic")
    prorated = model in ("per_unit", "graduated", "volume") and randoms.random() < 0.3
    included = model != "dynamic" and randoms.random() < 0.4
    has_free = model == "percentage" and not included
    windows = ["period"] if shares or model == "p95" else ["period", "day", "record", "group"]
    world.charges.append(
        {
            "charge_id": charge, "plan_id": f"{case}-plan", "name": charge, "charge_type": "usage",
            "charge_model": model, "meter_id": f"{case}-meter", "window": randoms.choice(windows),
            "included_quantity": number(randoms, 1, 150, 3) if included else None,
            "free_events": randoms.choice([None, None, 3]) if has_free else None,
            "free_amount": randoms.choice([None, None, number(randoms, 1, 90, 2)]) if has_free else None,
            "discount": number(randoms, 0.01, 0.5, 3) if randoms.random() < 0.3 else None,
            "multiplier": number(randoms, 0.5, 2, 3) if model == "dynamic" and randoms.random() < 0.7 else None,
            "prorate_units": True if prorated else None, "minimum_amount": None,
        }
    )  # fmt: skip
    in_blocks = model == "package" or (
        not prorated and model in ("graduated", "volume", "p95") and randoms.random() < 0.4
    )
    for dimension in [None, "eu"] if randoms.random() < 0.4 else [None]:
        for version in versions_of(randoms, charge, dimension, gap=False):
            world.prices.append(version)
            _term(randoms, model, version, in_blocks)
    _happen(world, randoms, case, model)


def _term(randoms: random.Random, model: str, version: dict[str, Any], in_blocks: bool) -> None:
    """Gives a price version the terms of its model: one tier where the model knows one, sizes, shares, limits."""
    if model in ("per_unit", "package", "percentage", "dynamic"):
        version["tiers"] = [version["tiers"][0] | {"upper": None}]
    limits = {
        name: number(randoms, 0, high, 2) if randoms.random() < 0.2 else None
        for name, high in (("minimum_amount", 60), ("maximum_amount", 400))
    }
    for tier in version["tiers"]:
        tier |= limits
        if in_blocks:
            tier |= {"package_size": number(randoms, 0.5, 20, 2), "round_down": randoms.random() < 0.4}
        if model in ("percentage", "graduated_percentage"):
            tier |= {"rate": number(randoms, 0, 0.2, 4)}
        if model == "percentage":
            low = number(randoms, 0.1, 2, 2) if randoms.random() < 0.4 else None
            high = number(randoms, 2, 5, 2) if randoms.random() < 0.4 else None
            tier |= {"fixed_fee": number(randoms, 0, 1, 2), "per_event_minimum": low, "per_event_maximum": high}


def _happen(world: World, randoms: random.Random, case: str, model: str) -> None:
    """Events of three months, and the metered days they add up to."""
    for month in MONTHS:
        length = timedelta(days=calendar.monthrange(month.year, month.month)[1])
        opens = datetime(month.year, month.month, 1)
        days: dict[tuple[str, date], dict[str, Any]] = {}
        for index in range(0 if randoms.random() < 0.15 else randoms.randint(1, 14)):
            at = opens + timedelta(seconds=randoms.randrange(int(length.total_seconds())))
            back = model != "percentage" and randoms.random() < 0.1
            quantity = -number(randoms, 0, 10, 3) if back else number(randoms, 0.001, 60, 6)
            if model == "percentage" and randoms.random() < 0.15:
                quantity = ZERO  # pays its fixed fee and minimum, unless it is free
            event = {
                "billing_period": month, "meter_id": f"{case}-meter", "resource_kind": "device",
                "resource_id": f"{case}-device", "dimension_value": randoms.choice(["", "", "eu", "us"]),
                "usage_date": at.date(), "owner_party_id": f"{case}-buyer", "aggregation": "sum", "occurred_at": at,
                "record_id": f"{case}/{index:03d}", "group_id": randoms.choice([None, "a", "b"]),
                "quantity": quantity, "event_amount": number(randoms, 0, 90, 4),
                "remaining_seconds": Decimal(int((opens + length - at).total_seconds())),
                "period_seconds": Decimal(int(length.total_seconds())),
            }  # fmt: skip
            world.events.append(event)
            day = days.setdefault(
                (event["dimension_value"], event["usage_date"]),
                {name: value for name, value in event.items() if name not in ("occurred_at", "record_id")}
                | {"service_period": month, "unit": "unit", "quantity": ZERO, "sample_count": 0},
            )
            day["quantity"] += quantity
            day["sample_count"] += 1
        world.usage += [day | {"period_quantity": day["quantity"]} for day in days.values()]


def rate_records(world: World) -> dict[tuple[date, str, str], Decimal]:
    """(month, charge, component) -> amount; of `free` the quantity. Charges without an exchange rate are left out."""
    found: dict[tuple[date, str, str], Decimal] = {}
    events: dict[tuple[str, date], list[dict[str, Any]]] = defaultdict(list)
    for event in world.events:
        events[event["meter_id"], event["billing_period"]].append(event)
    for charge in world.charges:
        for month in MONTHS if charge["charge_id"].startswith(PREFIX) else ():
            if (priced := _priced(world, charge, month)) is not None:
                versions, terms = priced
                records = _records(world, terms, versions, events[charge["meter_id"], month])
                for component, amount in rated(terms, versions, records, month).items():
                    found[month, charge["charge_id"], component] = amount
    return found


def _priced(world: World, charge: dict[str, Any], month: date) -> tuple[list[Any], dict[str, Any]] | None:
    """Price versions and charge in the edge's currency: every amount of a price is converted once."""
    versions = world.priced_in(charge, month)
    if versions is None:
        return None
    plan = next(plan for plan in world.plans if plan["plan_id"] == charge["plan_id"])
    edge = next(e for e in world.agreements if e["agreement_id"] == f"{charge['charge_id'].split('-')[0]}-edge")
    rate = world.rate_into(edge, plan["currency"], month)
    assert rate is not None
    amounts = ("rate", "fixed_fee", "per_event_minimum", "per_event_maximum", "minimum_amount", "maximum_amount")
    for tier in (tier for version in versions for tier in version["tiers"]):
        tier |= {name: times(tier[name], rate) for name in amounts if tier.get(name) is not None}
    return versions, charge | {"multiplier_price": times(charge["multiplier"] or Decimal(1), rate)}


def _records(
    world: World, charge: dict[str, Any], versions: list[dict[str, Any]], events: list[dict[str, Any]]
) -> list[Record]:
    single = (
        charge["charge_model"] in ("percentage", "dynamic")
        or charge["window"] in ("record", "group")
        or bool(charge["prorate_units"])
    )
    records: dict[Any, Record] = {}
    for event in events:
        version = world.version_on(versions, event["usage_date"], event["dimension_value"])
        assert version is not None
        day, name = event["usage_date"], event["record_id"] if single else "-"
        at = event["occurred_at"] if single else datetime(day.year, day.month, day.day)
        window = {
            "record": event["record_id"],
            "group": event["group_id"] or "-",
            "day": day,
            "period": event["billing_period"],
        }[charge["window"]]
        quantity = event["event_amount"] if charge["charge_model"] == "dynamic" else event["quantity"]
        key = (at, name, named(version))
        before = records[key].quantity if key in records else ZERO
        records[key] = Record(
            at, name, named(version), window, exact(before + quantity), day,
            event["remaining_seconds"], event["period_seconds"], version,
        )  # fmt: skip
    return list(records.values())
