"""Invoices over exactly nothing: a document or none, as their seller wants it (fault 56)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.invoicing.test_rated_minus_billed import marts
from tests.invoicing.worlds import House, one_edge
from tests.worlds.builder import World, sample

pytestmark = [pytest.mark.slow, pytest.mark.dbt]

SELLERS = {"acme": ("shop", "edge-01", "none"), "beta": ("store", "edge-02", None)}
LINES = (
    "select service_period, amount, charge_class from fct_invoice_lines where invoice_id like ? order by line_number"
)


def the_world(folder: Path) -> World:
    """Two sellers who differ in one term, each with a buyer whose January is given away whole by a coupon."""
    return one_edge(
        folder,
        parties=[
            row
            for seller, (buyer, _, zero_invoices) in SELLERS.items()
            for row in (
                {"party_id": seller, "role": "reseller", "zero_invoices": zero_invoices},
                {"party_id": buyer},
            )
        ],
        agreements=[
            {"seller_id": seller, "buyer_id": buyer, "currency": "EUR", "valid_from": "2025-01-01"}
            for seller, (buyer, _, _) in SELLERS.items()
        ],
        resource_owners=[
            {"resource_kind": "edge_server", "resource_id": server, "party_id": buyer, "valid_from": "2025-01-01"}
            for buyer, server, _ in SELLERS.values()
        ],
        subscriptions=[
            {"subscription_id": f"{seller}-sub", "seller_id": seller, "buyer_id": buyer, "plan_id": "basic"}
            for seller, (buyer, _, _) in SELLERS.items()
        ],
        adjustments=[
            {"adjustment_id": f"{seller}-gift", "subscription_id": f"{seller}-sub", "kind": "coupon", "share": "1",
             "period": "2026-01", "reason": "Welcome"}
            for seller in SELLERS
        ],
        expected_sources=[],
    )  # fmt: skip


def test_an_invoice_over_nothing_is_made_or_not_as_its_seller_wants(tmp_path: Path) -> None:
    """Fault 56. Fails when a seller who wants none issues one, the month cannot close then, or what it held is lost,
    billed twice or leaves the reconciliation; or when without the term no document is made.

    January: 100 units are 10.00, given away whole. February: 50 units are 5.00.
    """
    world = the_world(tmp_path)
    house = House(world, tmp_path / "home")
    for _, server, _ in SELLERS.values():
        world.telegraf(server, [sample("2026-01-10T12:00:00", "app", units=100)], name="january.json.gz")
    house.run("2026-02-03", "2026-01")
    drafts = marts(house, "select seller_id, net_amount, tax_amount, hold_reason from fct_invoices order by seller_id")
    assert [tuple(row.values()) for row in drafts] == [("acme", 0, 0, "zero_total"), ("beta", 0, 0, None)]
    closings = house.issue("2026-02-03", "2026-01", "--seller", "beta")
    documents = {closing["seller_id"]: closing["invoices"] for closing in closings}
    assert documents["acme"] == []
    assert [(each["invoice_number"], each["document_type"], each["total_amount"], each["lines"])
            for each in documents["beta"]] == [("BETA-2026-000001", "invoice", "0", 2)]  # fmt: skip

    for _, server, _ in SELLERS.values():
        world.telegraf(server, [sample("2026-02-10T12:00:00", "app", units=50)], name="february.json.gz")
    house.run("2026-03-03", "2026-02")
    lines = {
        seller: [
            (f"{row['service_period']:%Y-%m}", row["amount"], row["charge_class"])
            for row in marts(house, LINES.replace("?", f"'draft/{seller}-%'"))
        ]
        for seller in SELLERS
    }
    assert lines["beta"] == [("2026-02", Decimal("5.00"), None)]
    assert sorted(lines["acme"]) == [
        ("2026-01", Decimal("-10.00"), "Correction"),
        ("2026-01", Decimal("10.00"), "Correction"),
        ("2026-02", Decimal("5.00"), None),
    ]
    drafts = marts(
        house, "select seller_id, net_amount, hold_reason from fct_invoices where status = 'draft' order by 1"
    )
    assert [tuple(row.values()) for row in drafts] == [("acme", 5, None), ("beta", 5, None)]
    assert marts(house, "select * from fct_reconciliation where unexplained <> 0") == []
