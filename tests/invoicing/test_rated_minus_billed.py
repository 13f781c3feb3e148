"""Rated minus billed on the real ledger, through inbox and commands (money.md section 9)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestration.settings import Settings
from orchestration.tables import rows
from orchestration.warehouse import opened
from tests.invoicing.worlds import House, one_edge, price, units

pytestmark = [pytest.mark.slow, pytest.mark.dbt]


def marts(house: House, query: str) -> list[dict[str, Any]]:
    with opened(Settings(home=house.home)) as connection:
        return rows(connection, query)


def lines(house: House, period: str) -> list[tuple[Any, ...]]:
    found = marts(
        house,
        "select strftime(service_period, '%Y-%m') as service_period, quantity, amount, charge_class, status"
        f" from fct_invoice_lines where strftime(invoice_period, '%Y-%m') = '{period}' order by line_number",
    )
    return [tuple(row.values()) for row in found]


def test_late_usage_and_a_restatement_come_out_as_corrections(tmp_path: Path) -> None:
    """Fault 40. Fails when the example of section 9 does not come out: 10.00; then 5.00 and 2.00; then -3.00."""
    world = one_edge(tmp_path)
    house = House(world, tmp_path / "home")
    units(world, "2026-01-10T12:00:00", 100)
    house.run("2026-02-03", "2026-01")
    first = house.issue("2026-02-03", "2026-01")
    assert [invoice["net_amount"] for invoice in first["invoices"]] == ["10"]
    assert lines(house, "2026-01") == [("2026-01", 100, Decimal("10.00"), None, "issued")]

    units(world, "2026-01-20T12:00:00", 20)
    units(world, "2026-02-10T12:00:00", 50)
    house.run("2026-03-03", "2026-02")
    assert lines(house, "2026-02") == [
        ("2026-02", 50, Decimal("5.00"), None, "draft"),
        ("2026-01", 20, Decimal("2.00"), "Correction", "draft"),
    ]
    # In Dagster: the gate as a blocking check, a dry run that writes nothing, then the write.
    assert house.job("2026-03-02", "2026-02", seller="acme") == {"success": False, "made": ["close_gates"]}
    dry = house.job("2026-03-03", "2026-02", seller="acme", dry_run=True)
    assert dry == {"success": True, "made": ["close_gates"]}
    assert house("2026-03-03", "verify")["entries"] == 1
    assert house.job("2026-03-03", "2026-02", seller="acme")["success"]
    units(world, "2026-01-25T12:00:00", -30)
    house.run("2026-04-03", "2026-03")
    assert lines(house, "2026-03") == [("2026-01", -30, Decimal("-3.00"), "Correction", "draft")]
    drafted = marts(house, "select document_type, refers_to, net_amount from fct_invoices where status = 'draft'")
    assert drafted == [{"document_type": "credit_note", "refers_to": "ACME-2026-000001", "net_amount": Decimal(-3)}]
    held = house.issue("2026-04-03", "2026-03", "--dry-run", expect=1)
    assert [gate["name"] for gate in held["gates"] if not gate["passed"]] == ["sources"]  # nothing came for March
    third = house.issue("2026-04-03", "2026-03", "--dry-run", "--waive", "sources", "--why", "closed in March")
    assert [invoice["invoice_number"] for invoice in third["invoices"]] == ["ACME-2026-000003"]  # 2 was Dagster's
    verified = house("2026-04-03", "verify")
    assert (verified["entries"], verified["problems"]) == (2, [])


def test_a_charge_issued_ahead_keeps_the_rate_it_was_issued_at(tmp_path: Path) -> None:
    """Fails when another exchange rate for February corrects a fee of February that stands on January's invoice, or
    charges February's usage of the edge by two rates (sections 8 and 9), or a rate that two entries lock counts twice.

    The plan is in USD, the edge in EUR: a fee of 10 in advance and 0.10 a unit, at 0.5 in January and 0.6 in February.
    """
    rates = {"2026-01": "0.5", "2026-02": "0.6", "2026-03": "0.7"}
    world = one_edge(
        tmp_path,
        plans=[{"plan_id": "basic", "currency": "USD"}],
        plan_charges=[
            {"charge_id": "use", "plan_id": "basic", "meter_id": "units", "tax_category": "S"},
            {"charge_id": "fee", "plan_id": "basic", "charge_type": "recurring", "charge_model": "flat"}
            | {"timing": "in_advance", "tax_category": "S"},
        ],
        charge_prices=[price("0.10"), price("10") | {"charge_id": "fee"}],
        fx_rates=_from_dollars(rates),
    )
    house = House(world, tmp_path / "home")
    units(world, "2026-01-10T12:00:00", 100)
    units(world, "2026-02-10T12:00:00", 50)
    house.run("2026-02-03", "2026-01")
    ahead = ("2026-02", 1, Decimal("6.00"), None)
    house.issue("2026-02-03", "2026-01")
    assert ahead in [line[:4] for line in lines(house, "2026-01")]
    world.catalog("2026-02-20", fx_rates=_from_dollars(dict.fromkeys(rates, "0.9")))
    house.run("2026-03-03", "2026-02")
    # 50 units at 0.10 USD and February's 0.6; March's fee at its new 0.9.
    drafted = [("2026-03", 1, Decimal("9.00"), None, "draft"), ("2026-02", 50, Decimal("3.00"), None, "draft")]
    assert lines(house, "2026-02") == drafted
    house.issue("2026-03-03", "2026-02")
    assert lines(house, "2026-02") == [(*line[:4], "issued") for line in drafted]
    locked = marts(
        house, "select strftime(service_period, '%Y-%m') as period, rate from intermediate.int_rating__edge_rates"
    )
    assert sorted((row["period"], row["rate"]) for row in locked) == [
        ("2026-01", Decimal("0.5")),
        ("2026-02", Decimal("0.6")),
        ("2026-03", Decimal("0.9")),
    ]


def _from_dollars(rates: dict[str, str]) -> list[dict[str, str]]:
    return [
        {"from_currency": "USD", "to_currency": "EUR", "period": period, "rate": rate} for period, rate in rates.items()
    ]
