"""The ledger as rows of the warehouse's `lake` schema, for the models that take the difference to it.

Plain rows, no arithmetic; the columns are in `orchestration/lake_relations.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from invoicing.entries import Entry, Json
from invoicing.ledger import Ledger

Row = dict[str, Any]
_SHARED = ("agreement_id", "seller_id", "buyer_id", "currency")


def relations(ledger: Ledger) -> dict[str, list[Row]]:
    """Rows by relation, in the order in which they were issued."""
    voided_by = ledger.voided_by()
    rows: dict[str, list[Row]] = {
        name: []
        for name in (
            "ledger_lines",
            "ledger_invoices",
            "ledger_closes",
            "ledger_inputs",
            "ledger_invoice_taxes",
            "ledger_taxes",
            "ledger_fx_rates",
        )
    }
    for entry in ledger.entries():
        issued_at = _instant(entry.document["issued_at"])
        for invoice in entry.invoices:
            rows["ledger_invoices"].append(_invoice(entry, invoice, issued_at, voided_by))
            rows["ledger_lines"] += _lines(invoice["content"])
            rows["ledger_invoice_taxes"] += _taxes(invoice["content"])
            rows["ledger_taxes"] += _tax_rates(entry, invoice["content"], voided_by)
        if entry.closes:
            rows["ledger_closes"].append(_close(entry, issued_at))
            rows["ledger_inputs"] += _inputs(entry)
            rows["ledger_fx_rates"] += [_typed(rate) for rate in entry.document["fx_rates"]]
    return rows


def _invoice(entry: Entry, invoice: Json, issued_at: datetime, voided_by: dict[str, str]) -> Row:
    content = invoice["content"]
    number = content["invoice_number"]
    shared = {name: content[name] for name in (*_SHARED, "document_type", "refers_to")}
    amounts = {name: Decimal(content[name]) for name in ("net_amount", "tax_amount", "total_amount")}
    return (
        shared
        | amounts
        | {
            "invoice_id": number,
            "invoice_number": number,
            "invoice_period": _first_day(content["invoice_period"]),
            "payment_terms_days": content.get("payment_terms_days"),
            "issued_at": issued_at,
            "content_hash": invoice["content_hash"],
            "previous_hash": content["previous_hash"],
            "inputs_hash": content["inputs_hash"],
            "voided_by": voided_by.get(number),
            "is_void": not entry.closes,
            "why": entry.document.get("why"),
        }
    )


def _lines(content: Json) -> Iterator[Row]:
    number = content["invoice_number"]
    shared = {name: content[name] for name in _SHARED}
    for line in content["lines"]:
        corrects = line["corrects_line_id"]
        yield (
            shared
            | _typed(line)
            | {
                "invoice_id": number,
                "line_id": f"{number}/{line['line_number']}",
                "invoice_period": _first_day(content["invoice_period"]),
                "corrects_invoice_id": corrects.rpartition("/")[0] if corrects else None,
            }
        )


def _taxes(content: Json) -> Iterator[Row]:
    """The invoice's tax by category and rate."""
    for tax in content["taxes"]:
        amounts = {name: Decimal(tax[name]) for name in ("rate", "net_amount", "tax_amount")}
        yield {
            "invoice_id": content["invoice_number"],
            "tax_category": tax["tax_category"],
            "kind": tax["kind"],
        } | amounts


def _tax_rates(entry: Entry, content: Json, voided_by: dict[str, str]) -> Iterator[Row]:
    """What its service periods were taxed at; a void says nothing about it, and an invoice taken back no longer."""
    if entry.closes and content["invoice_number"] not in voided_by:
        for rate in content["tax_rates"]:
            edge = {name: content[name] for name in ("agreement_id", "seller_id", "buyer_id")}
            yield _typed(rate) | edge | {"sequence": entry.sequence}


def _close(entry: Entry, issued_at: datetime) -> Row:
    return {
        "seller_id": entry.seller_id,
        "billing_period": _first_day(entry.period),
        "closed_at": issued_at,
        "inputs_hash": entry.document["inputs_hash"],
        "waivers": ", ".join(waiver["gate"] for waiver in entry.document["waivers"]) or None,
    }


def _inputs(entry: Entry) -> Iterator[Row]:
    """What the closed month and those before it were computed from; entries of old do not say it."""
    for item in entry.document.get("inputs", []):
        month = item["service_month"]
        yield {
            "seller_id": entry.seller_id,
            "invoice_period": _first_day(entry.period),
            "service_period": _first_day(month) if month else None,
            "input": item["input"],
            "identity": item["identity"],
        }


_DECIMALS = {"quantity", "unit_price", "exact_amount", "amount", "rate"}


def _typed(row: Json) -> Row:
    """Text back into the decimals and months it was written from."""
    typed = dict(row)
    for name in _DECIMALS & typed.keys():
        typed[name] = None if typed[name] is None else Decimal(typed[name])
    typed["service_period"] = _first_day(typed["service_period"])
    return typed


def _first_day(period: str) -> date:
    return date.fromisoformat(f"{period}-01")


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)
