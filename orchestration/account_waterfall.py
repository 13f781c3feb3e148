"""Explanations for people: the waterfall behind an account's month. Queries of one line; arithmetic is in the marts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import duckdb

from orchestration import tables

WORDS: Mapping[str, str] = {
    "billed": "billed: the bill as printed",
    "fees_spread": "fees taken off, what nobody used put on",
    "used": "own commitment used",
    "borrowed": "borrowed from {other}",
    "discounts": "net prices",
    "shared": "shared by rule {rule} from {other}",
    "effective": "effective: what the usage drew",
    "real": "real: after settling what was shared",
}
MECHANISMS: Mapping[str, str] = {
    "ri": "reservation", "savings_plan": "savings plan", "volume_tier": "volume tiers", "pro_rata": "pro rata",
}  # fmt: skip


def waterfall(connection: duckdb.DuckDBPyConnection, account: str, month: date) -> list[tables.Row]:
    """Rows of the account's steps in their order, each with a sentence; [] where the month has no such account."""
    found = tables.rows(
        connection,
        "select * from fct_account_waterfall where account_id = ? and billing_period = ? "
        "order by payer_account_id, currency, step_number, step, commitment_discount_id, other_account_id, "
        "allocation_rule_id",
        [account, month],
    )
    return [row | {"says": sentence(row)} for row in found]


def sentence(row: Mapping[str, Any]) -> str:
    """A step in words: what was done, with whom, by which rule."""
    mechanism, _, direction = row["step"].rpartition("_")
    if direction in ("paid", "received"):
        preposition = "to" if direction == "paid" else "from"
        return f"{direction} {preposition} {row['other_account_id']} for sharing ({MECHANISMS[mechanism]})"
    if row["step"] == "shared" and row["other_account_id"] == row["account_id"]:
        return f"shared out by rule {row['allocation_rule_id']}"
    return WORDS[row["step"]].format(other=row["other_account_id"], rule=row["allocation_rule_id"])
