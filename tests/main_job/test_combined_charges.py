"""Charges in combinations through catalog, events and the command: one world, one quarter."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.main_job.combined_cases import CASES, METERS, Case
from tests.main_job.conftest import MainJob
from tests.worlds.builder import World

MONTHS = ["2026-01", "2026-02", "2026-03"]
Tables = dict[str, list[dict[str, Any]]]


def deliver(world: World) -> None:
    tables: Tables = defaultdict(list)
    tables["parties"] += [
        {"party_id": "house", "role": "reseller"},
        {"party_id": "abroad", "role": "reseller", "time_zone": "America/New_York"},
    ]
    tables["meters"] += [
        {"meter_id": name, "series": name, "resource_kind": "device"} | terms for name, terms in METERS.items()
    ]
    events: list[dict[str, Any]] = []
    for name, case in CASES.items():
        sell(tables, name, case)
        for number, (at, value, *more) in enumerate(case.events):
            data = dict(more[0]) if more else {}
            event = {
                "id": data.pop("id", f"{name}-{number}"),
                "type": case.meter,
                "subject": f"device:{name}",
                "time": at,
            }
            events.append(event | {"data": data | ({} if value is None else {"value": value})})
    world.catalog("2026-01-01", **tables).cloudevents("agent", events)


def sell(tables: Tables, name: str, case: Case) -> None:
    """The customer, its agreement, plan and subscription, and what they are limited by."""
    terms = dict(case.terms)
    tables["parties"].append({"party_id": name})
    tables["agreements"].append(
        {"agreement_id": f"{name}-edge", "seller_id": case.seller, "buyer_id": name} | case.agreement
    )
    tables["resource_owners"].append({"resource_kind": "device", "resource_id": name, "party_id": name})
    tables["plans"].append({"plan_id": name, "trial_days": terms.pop("trial", None)})
    of_meter = {} if terms.get("charge_type") == "recurring" else {"meter_id": case.meter}
    tables["plan_charges"].append({"charge_id": name, "plan_id": name, "charge_model": case.model} | of_meter | terms)
    tables["charge_prices"] += [{"charge_id": name, "tier": 1, "lower": 0} | price for price in case.prices]
    base = {"subscription_id": name, "seller_id": case.seller, "buyer_id": name, "plan_id": name}
    tables["subscriptions"] += [base | version for version in case.versions]
    tables["commitments"] += [
        {"commitment_id": f"{name}-{number}", "subscription_id": name} | commitment
        for number, commitment in enumerate(case.commitments)
    ]
    tables["adjustments"] += [
        {"adjustment_id": f"{name}-{number}", "agreement_id": f"{name}-edge"} | adjustment
        for number, adjustment in enumerate(case.adjustments)
    ]


@pytest.mark.slow
def test_combinations_come_to_what_was_worked_by_hand(tmp_path: Path, main_job: MainJob) -> None:
    """Faults 36, 42, 57, 58. Fails when two terms of a price, a subscription or a commitment meet and one of them is
    left out, counted twice or taken in another order than the page says."""
    world = World(tmp_path)
    deliver(world)
    marts = main_job(world.inbox, MONTHS, now="2026-04-10T00:00:00Z")
    found: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(dict)
    for buyer, month, component, amount in marts.execute(
        "select buyer_id, strftime(service_period, '%Y-%m'), component, sum(amount) from fct_rated_charges"
        " where service_period between date '2026-01-01' and date '2026-03-01' group by all"
    ).fetchall():
        found[buyer, month][component] = amount
    wrong = {}
    for name, case in CASES.items():
        for month, amount in case.months().items():
            parts = found[name, month]
            wanted = {part: Decimal(value) for part, value in case.components.items() if month == "2026-01"}
            told = (sum(parts.values(), Decimal(0)), {part: parts.get(part) for part in wanted})
            if told != (Decimal(amount), wanted):
                wrong[name, month] = (amount, wanted, dict(parts))
    assert wrong == {}
    assert marts.execute("select buyer_id, reason from fct_unrated_usage").fetchall() == []
    assert marts.execute("select count(*) from quarantine").fetchone() == (0,)
