"""Commitments, adjustments and prepaid against an independent reference: hundreds of random pairs in one dbt build.

The charges they are settled on are given; every step from there on is dbt's.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.dbt_project.commitments_cases import MONTHS, lake_rows, pair_of
from tests.dbt_project.commitments_reference import Settling

pytestmark = [pytest.mark.dbt, pytest.mark.slow]

COLUMNS = {
    "billing_period": "date", "service_period": "date", "seller_id": "varchar", "buyer_id": "varchar",
    "agreement_id": "varchar", "subscription_id": "varchar", "charge_id": "varchar", "tax_category": "varchar",
    "currency": "varchar", "amount": "decimal(38,12)", "is_vendor_edge": "boolean",
}  # fmt: skip
MODELS = [
    "staging.catalog", "int_rating__months", "int_rating__first_period", "int_rating__edges_dated",
    "int_rating__charges_committed", "int_rating__commitments_scoped+1", "int_rating__commitments_dated",
    "int_rating__commitments_settled",
]  # fmt: skip


@pytest.fixture(scope="module")
def pairs() -> dict[str, Any]:
    randoms = random.Random(20261)
    return {f"p{index}": pair_of(randoms, f"p{index}") for index in range(400)}


@pytest.fixture(scope="module")
def settled(pairs: dict[str, Any], scratch_warehouse: Callable[..., Any]) -> dict[tuple[Any, ...], Decimal]:
    warehouse = scratch_warehouse(lake_rows({case: pair for case, (pair, _) in pairs.items()}))
    charges = [{**charge, "is_vendor_edge": False} for _, given in pairs.values() for charge in given]
    with warehouse.connect() as connection:
        connection.execute("create schema intermediate")
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        connection.execute(f"create table intermediate.int_rating__charges_priced ({columns})")
        marks = ", ".join(f"cast(? as {kind})" for kind in COLUMNS.values())
        connection.executemany(
            f"insert into intermediate.int_rating__charges_priced values ({marks})",
            [[charge.get(name, charge["period"]) for name in COLUMNS] for charge in charges],
        )
    months = ["--event-time-start", f"{MONTHS[0]}", "--event-time-end", "2026-06-01"]
    done = warehouse.dbt("run", "--select", *MODELS, *months)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return {
        row[:-1]: row[-1]
        for row in warehouse.rows(
            "select service_period, agreement_id, coalesce(commitment_id, adjustment_id), kind, tax_category, currency,"
            " sum(amount) from intermediate.int_rating__commitments_settled group by all having sum(amount) <> 0"
        )
    }


def test_what_is_settled_equals_the_reference(pairs: dict[str, Any], settled: dict[tuple[Any, ...], Decimal]) -> None:
    """Fails when a scope, an interval, a proration, the order of steps or a pot's balance is taken otherwise."""
    expected: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for pair, charges in pairs.values():
        for line in Settling(pair, charges, MONTHS).walk():
            names = ("period", "agreement_id", "term_id", "kind", "tax_category", "currency")
            expected[tuple(line[name] for name in names)] += line["amount"]
    kinds = {key[3] for key in settled}
    assert kinds == {"minimum", "maximum", "overage", "prepaid", "coupon", "credit"}
    assert len(settled) > 1500
    wrong = {
        key: (settled.get(key), expected.get(key))
        for key in sorted(expected.keys() | settled.keys())
        if settled.get(key, 0) != expected.get(key, 0)
    }
    assert wrong == {}, f"{len(wrong)} of {len(settled)}"
