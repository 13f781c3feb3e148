"""Defaults of the builder for catalog cells a test does not name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any


def catalog_defaults(table: str, index: int, row: Mapping[str, Any]) -> dict[str, Any]:
    """What a catalog row has where a test does not say it; `index` counts the rows of its table from 1."""
    match table:
        case "parties":
            party = str(row["party_id"])
            return {
                "name": party,
                "role": "customer",
                "country": "DE",
                "time_zone": "UTC",
                "tax_status": "business",
                "invoice_prefix": party.upper(),
            }
        case "agreements":
            return {"agreement_id": f"{row['seller_id']}-{row['buyer_id']}", "currency": "USD"}
        case "payers":
            return {"vendor": "aws"}
        case "price_rules":
            return {"rule_id": f"rule-{index:03d}", "kind": "markup"}
        case "meters":
            return {
                "resource_kind": "edge_server",
                "sample_type": "counter",
                "aggregation": "sum",
                "unit": "unit",
            }
        case "plans":
            return {"name": row["plan_id"], "currency": "USD"}
        case "plan_charges":
            return {"name": row["charge_id"], "charge_type": "usage", "charge_model": "per_unit"}
        case "subscriptions":
            return {"start_date": date(2026, 1, 1)}
        case "tax_rates":
            return {"kind": "standard"}
        case _:
            return {}
