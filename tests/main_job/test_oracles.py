"""Worked examples of other billing systems, delivered as catalog and events and read from the marts after one run."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.main_job import oracle_cases
from tests.main_job.conftest import MainJob
from tests.main_job.oracle_cases import NOT_EXPRESSIBLE, PERIODS, Customer, customers
from tests.worlds.builder import World

FIRST_DAY_AFTER = "PER-01"  # this case is about the charge period, not about an amount


def deliver(world: World, given: list[Customer]) -> None:
    """One plan (or one per charge, where the subscription changes plan), one subscription and one resource each."""
    tables: dict[str, list[dict[str, Any]]] = defaultdict(list)
    tables["parties"].append({"party_id": "house", "role": "reseller"})
    events: list[dict[str, Any]] = []
    for customer in given:
        name = customer.name
        tables["parties"].append({"party_id": name})
        tables["agreements"].append({"seller_id": "house", "buyer_id": name})
        tables["resource_owners"].append({"resource_kind": "account", "resource_id": name, "party_id": name})
        plans = len(customer.charges) if customer.changes else 1
        tables["plans"] += [{"plan_id": f"{name}-plan{number}"} for number in range(plans)]
        for number, charge in enumerate(customer.charges):
            meter, charge_id = f"{name}-{number}", f"{name}-charge{number}"
            is_usage = charge.terms.get("charge_type", "usage") == "usage"
            if is_usage:
                tables["meters"].append(
                    {"meter_id": meter, "resource_kind": "account", "series": meter, "sample_type": "event"}
                    | charge.meter
                )
            tables["plan_charges"].append(
                {
                    "charge_id": charge_id,
                    "plan_id": f"{name}-plan{number if customer.changes else 0}",
                    "charge_model": charge.model,
                    "meter_id": meter if is_usage else None,
                }
                | charge.terms
            )
            tables["charge_prices"] += prices(charge, charge_id)
            events += [
                {
                    "id": f"{meter}-{index}",
                    "type": meter,
                    "subject": f"account:{name}",
                    "time": day if "T" in day else f"{day}T00:00:00Z",
                    "data": {"value": value, **data},
                }
                for index, (day, value, data) in enumerate(charge.events)
            ]
        tables["subscriptions"] += versions(customer)
        tables["commitments"] += [
            {"commitment_id": f"{name}-{index}", "subscription_id": f"{name}-sub"} | commitment
            for index, commitment in enumerate(customer.commitments)
        ]
    world.catalog("2024-01-01", **tables).cloudevents("oracle", events)


def prices(charge: oracle_cases.Charge, charge_id: str) -> list[dict[str, Any]]:
    if charge.dimensions:
        return [{"charge_id": charge_id, "dimension_value": value, "tier": 1, "lower": 0} | price
                for value, price in charge.dimensions.items()]  # fmt: skip
    rows, lower = [], "0"
    for index, (upper, unit_price, flat_fee) in enumerate(charge.tiers):
        row = {"charge_id": charge_id, "tier": index + 1, "lower": lower, "upper": upper, "unit_price": unit_price}
        rows.append(row | {"flat_fee": flat_fee} | charge.price | (charge.per_tier[index] if charge.per_tier else {}))
        lower = upper
    return rows


def versions(customer: Customer) -> list[dict[str, Any]]:
    base = {"subscription_id": f"{customer.name}-sub", "seller_id": "house", "buyer_id": customer.name}
    base |= {"plan_id": f"{customer.name}-plan0", "start_date": "2024-01-01"} | customer.subscription
    rows = [base]
    for change in customer.changes:
        rows[-1] = rows[-1] | {"valid_to": change.get("former_valid_to", change["valid_from"])}
        rows.append(base | {"plan_id": f"{customer.name}-plan{change['plan']}", "valid_from": change["valid_from"]})
    return rows


def charged(marts: duckdb.DuckDBPyConnection, customer: Customer) -> str:
    """What the customer's months came to, less what the case says was charged before, as the case prints it."""
    months = [f"{month}-01" for month in customer.months]
    if customer.case == FIRST_DAY_AFTER:
        query = (
            "select min(charge_period_end) from fct_rated_charges"
            " where buyer_id = ? and list_contains(?::date[], service_period)"
        )
        found = marts.execute(query, [customer.name, months]).fetchone()
        return str(found[0]) if found else ""
    query = (
        "select coalesce(sum(amount), 0) from fct_rated_charges"
        " where buyer_id = ? and list_contains(?::date[], service_period)"
    )
    found = marts.execute(query, [customer.name, months]).fetchone()
    assert found is not None
    amount = found[0] - Decimal(customer.less)
    return str(amount.quantize(Decimal(1).scaleb(-customer.decimals), rounding=ROUND_HALF_UP))


def test_every_case_of_the_oracles_is_run_or_named_with_a_reason(outside_data: Path) -> None:
    """Fails when a case is left out silently, or a reason stands for a case that does run."""
    known = {case["id"] for case in json.loads((outside_data / "oracles.json").read_text("utf-8"))}
    run = {customer.case for customer in customers()}
    assert run | NOT_EXPRESSIBLE.keys() == known
    assert not run & NOT_EXPRESSIBLE.keys()


@pytest.mark.slow
@pytest.mark.outside
def test_every_oracle_case_is_charged_what_its_system_charges(
    tmp_path: Path, outside_data: Path, main_job: MainJob
) -> None:
    """Fails when a charge model, a window, what is free, a limit or a proration policy departs from the example."""
    given = customers()
    world = World(tmp_path)
    deliver(world, given)
    marts = main_job(world.inbox, PERIODS, now="2025-04-05T00:00:00Z")
    wrong = {}
    for customer in given:
        found = charged(marts, customer)
        if customer.case != FIRST_DAY_AFTER:
            wanted = Decimal(customer.expected).quantize(Decimal(1).scaleb(-customer.decimals), ROUND_HALF_UP)
        else:
            wanted = customer.expected
        if found != str(wanted):
            wrong[customer.name] = (found, str(wanted))
    assert wrong == {}
    unrated = marts.execute("select distinct reason from fct_unrated_usage").fetchall()
    assert unrated == []
