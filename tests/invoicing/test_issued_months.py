"""One issued month through the commands: killed, completed, taken back, re-priced, explained, lost and rebuilt."""

from __future__ import annotations

import shutil
import signal
from decimal import Decimal
from pathlib import Path

import pytest

from tests.invoicing.test_rated_minus_billed import lines, marts
from tests.invoicing.worlds import House, one_edge, price, units
from tests.orchestration.command import LONGEST, start
from tests.orchestration.command import marts as all_marts

pytestmark = [pytest.mark.slow, pytest.mark.dbt]
GATES = (
    "select gate, passed, detail, holds_close, waived_because from fct_close_gates"
    " where seller_id = 'acme' and billing_period = date '2026-01-01' order by gate_number"
)
NUMBERED = "select invoice_number, status, net_amount, tax_amount from fct_invoices order by invoice_number nulls last"


def test_an_issued_month_stays_whatever_happens_afterwards(tmp_path: Path) -> None:
    """Faults 40, 59-61, 67, 68, 71, 79. Fails when a kill, a second issue, a void, new prices and rates, a changed
    byte or a lost warehouse give a second number, change an issued line, or bill anything twice or not at all.

    The plan is in USD at 0.20, the edge in EUR at 0.5: 100 units are 10.00 EUR.
    """
    rates = [{"from_currency": "USD", "to_currency": "EUR", "period": p, "rate": "0.5"} for p in ("2026-01", "2026-02")]
    plans = [{"plan_id": "basic", "currency": "USD"}]
    world = one_edge(tmp_path, plans=plans, charge_prices=[price("0.20")], fx_rates=rates)
    house = House(world, tmp_path / "home")
    units(world, "2026-01-10T12:00:00", 100)
    house.run("2026-02-03", "2026-01")

    held = house.issue("2026-02-02", "2026-01", expect=1)  # the source's grace of two days is not over
    assert held["status"] == "held" and [gate["gate"] for gate in _no(held)] == ["sources"]
    dry = house.issue("2026-02-03", "2026-01", "--dry-run")
    assert dry["status"] == "dry_run"
    # What the month's own run asked is what a dry run is told, but for the checks, which it runs again.
    asked = {row["gate"]: (row["passed"], row["detail"], row["holds_close"]) for row in marts(house, GATES)}
    told = {gate["name"]: (gate["passed"], gate["detail"], not gate["passed"]) for gate in dry["gates"]}
    assert asked.pop("checks")[0] and told.pop("checks")[0]
    assert asked == told
    assert "cannot be waived" in house.issue("2026-02-03", "2026-01", "--waive", "tax", "--why", "x", expect=2)
    assert "sells on no agreement" in house.issue("2026-02-03", "2026-01", expect=2, seller="nobody")

    arguments = ("issue", "--seller", "acme", "--period", "2026-01", "--waive", "sources", "--why", "told by phone")
    clock = {"METERHOUSE_NOW": "2026-02-02T12:00:00Z"}
    process = start(house.home, *arguments, **house.variables, **clock, METERHOUSE_FAULT="issue_after_entry:1")
    process.communicate(timeout=LONGEST)
    assert process.returncode == -signal.SIGKILL
    assert house.issue("2026-02-03", "2026-01")["status"] == "completed"
    assert house.issue("2026-02-03", "2026-01", expect=1)["status"] == "already_issued"
    assert _numbered(house) == [("ACME-2026-000001", "issued", Decimal("10.00"), Decimal("1.90"))]
    closes = marts(house, "select waivers from lake.ledger_closes")
    assert closes == [{"waivers": "sources"}]
    # Of a closed month they are those it was closed with, the waiver and its reason among them.
    said_no = [tuple(row.values()) for row in marts(house, GATES) if not row["passed"]]
    assert [(gate, holds, why) for gate, _, _, holds, why in said_no] == [("sources", False, "told by phone")]

    # Twice the price, another exchange rate and another tax rate, all for January too.
    world.catalog(
        "2026-02-10",
        charge_prices=[price("0.40")],
        fx_rates=[row | {"rate": "0.9"} for row in rates],
        tax_rates=[{"tax_category": "S", "rate": "0.25", "valid_from": "2025-01-01"}],
    )
    house.run("2026-02-10", "2026-02")
    # 100 units at 0.40 USD and January's locked 0.5 are 20.00 EUR; the 10.00 to come at the 19 % of their month.
    assert lines(house, "2026-02") == [("2026-01", 0, Decimal("10.00"), "Correction", "draft")]
    assert _numbered(house)[-1] == (None, "draft", Decimal("10.00"), Decimal("1.90"))
    found = house("2026-02-10", "diff", "2026-01", expect=1)["differences"]
    assert [(row["issued_amount"], row["rated_amount"]) for row in found] == [("10.0000", "20.0000")]

    voided = house("2026-02-10", "void", "ACME-2026-000001", "--why", "wrong price")
    assert [invoice["invoice_number"] for invoice in voided["invoices"]] == ["ACME-2026-000002"]
    assert _numbered(house) == [
        ("ACME-2026-000001", "voided", Decimal("10.00"), Decimal("1.90")),
        ("ACME-2026-000002", "issued", Decimal("-10.00"), Decimal("-1.90")),
        (None, "draft", Decimal("20.00"), Decimal("5.00")),  # what it was taxed at went with it
    ]
    assert house("2026-02-10", "void", "ACME-2026-000001", "--why", "again", expect=1)["status"] == "already_issued"

    _explained(house)
    before = all_marts(house.home)
    shutil.rmtree(house.home / "warehouse")
    assert {each["status"] for each in house("2026-02-10", "rebuild")} == {"materialised"}
    assert all_marts(house.home) == before

    entry = house.home / "lake" / "ledger" / "acme" / "00000001.json"
    entry.write_bytes(entry.read_bytes().replace(b"told by phone", b"told by phane"))
    assert house("2026-02-10", "verify", expect=1)["problems"][0].startswith("ledger/acme/00000001.json")
    assert "00000001.json" in house.issue("2026-03-03", "2026-02", expect=3)


def _no(report: dict) -> list[dict]:
    return [{"gate": gate["name"]} for gate in report["gates"] if not gate["passed"]]


def _numbered(house: House) -> list[tuple]:
    return [tuple(row.values()) for row in marts(house, NUMBERED)]


def _explained(house: House) -> None:
    """From the line to what was billed in its place, and to the file it was delivered in."""
    steps = house("2026-02-10", "explain", "ACME-2026-000001/1")
    assert [step["step"] for step in steps] == [
        "invoice line",
        "billed for the charge since",
        "rated charges",
        "subscription and charge",
        "prices",
        "metered usage",
        "samples",
        "delivered files",
    ]
    amounts = [Decimal(row["exact_amount"]) for row in steps[0]["rows"] + steps[1]["rows"]]
    assert amounts == [10, -10, 20] and sum(amounts) == Decimal(steps[2]["rows"][0]["amount"])
    sample, file = steps[-2]["rows"][0], steps[-1]["rows"][0]
    assert Decimal(sample["value"]) == 100
    assert sample["source_file"] == file["uri"] and sample["source_row"] == 1
    assert house("2026-02-10", "explain", "ACME-2026-000001/9", expect=1) == []
