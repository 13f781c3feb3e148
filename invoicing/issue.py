"""What an issue or a void writes into the ledger: drafts as the marts have them, with numbers. No amount is computed.

Whether a month may be issued is asked in `close_gate.py`; the writing is `Ledger.append`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import duckdb

from invoicing.close_gate import Gate
from invoicing.entries import Entry, Json, chained, numbered, plain, taken_back
from invoicing.ledger import Head

_INVOICE = """invoice_id, agreement_id, seller_id, buyer_id, document_type, refers_to, currency, payment_terms_days,
    net_amount, tax_amount, total_amount"""
_LINE = """line_number, service_period, charge_key, description, quantity, unit_price, exact_amount, amount,
    tax_category, charge_class, corrects_line_id"""


def _rows(connection: duckdb.DuckDBPyConnection, query: str, *parameters: Any) -> list[Json]:
    cursor = connection.execute(query, list(parameters))
    names = [column[0] for column in cursor.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [row | {name: f"{row[name]:%Y-%m}" for name in ("service_period",) if name in row} for row in rows]


def drafts(connection: duckdb.DuckDBPyConnection, seller_id: str, period: date) -> list[Json]:
    """The seller's drafts of the month as invoice contents without a number, in order of buyer, then agreement.

    One over exactly nothing is left out where the seller wants none: the difference stays and is drafted again.
    """
    found = _rows(
        connection,
        f"select {_INVOICE} from fct_invoices where status = 'draft' and seller_id = ? and invoice_period = ?"
        " and coalesce(hold_reason, '') <> 'zero_total'"
        " order by buyer_id, agreement_id, currency",
        seller_id,
        period,
    )
    contents = []
    for invoice in found:
        draft_id = invoice.pop("invoice_id")
        lines = f"select {_LINE} from fct_invoice_lines where invoice_id = ? and status = 'draft' order by line_number"
        taxes = (
            "select tax_category, kind, rate, net_amount, tax_amount from intermediate.int_rating__taxes_computed"
            " where invoice_id = ? order by tax_category, kind, rate"
        )
        rates = (
            "select service_period, tax_category, kind, rate from intermediate.int_rating__taxes_matched"
            " where invoice_id = ? order by service_period, tax_category"
        )
        contents.append(
            plain(invoice)
            | {
                "invoice_period": f"{period:%Y-%m}",
                "lines": plain(_rows(connection, lines, draft_id)),
                "taxes": plain(_rows(connection, taxes, draft_id)),
                "tax_rates": plain(_rows(connection, rates, draft_id)),
            }
        )
    return contents


def fx_rates(
    connection: duckdb.DuckDBPyConnection, seller_id: str, period: date, contents: Sequence[Json]
) -> list[Json]:
    """The exchange rates of the seller's edges in the month, which are locked from now on; ANY is a fixed rate.

    Of a later month those by which `contents` (the month's drafts) convert a charge in advance: it is issued at them.
    """
    by_source = (
        "select agreement_id, service_period, from_currency, currency as to_currency, rate"
        " from intermediate.int_rating__edge_rates"
        " join staging.stg_catalog__agreements using (agreement_id) where seller_id = ? and service_period = ?"
    )
    fixed = (
        "select agreement_id, cast(? as date) as service_period, 'ANY' as from_currency, currency as to_currency,"
        " fx_fixed_rate as rate"
        " from staging.stg_catalog__agreements where seller_id = ? and fx_fixed_rate is not null"
    )
    ahead = (
        "select distinct agreement_id, service_period, plan_currency as from_currency, currency as to_currency,"
        " fx_rate as rate from intermediate.int_rating__charges_dated"
        " where seller_id = ? and billing_period = ? and service_period > ? and reason is null"
        " and plan_currency <> currency"
    )
    query = f"{by_source} union all {fixed} order by agreement_id, from_currency"
    locked = _rows(connection, query, seller_id, period, period, seller_id)
    billed = {(content["agreement_id"], line["service_period"]) for content in contents for line in content["lines"]}
    for rate in _rows(connection, f"{ahead} order by all", seller_id, period, period):
        if (rate["agreement_id"], rate["service_period"]) in billed:
            locked.append(rate)
    return plain(locked)


def inputs(connection: duckdb.DuckDBPyConnection, period: date) -> list[Json]:
    """What every month up to this one is computed from: a later correction is explained by how they differ then."""
    query = (
        "select strftime(service_period, '%Y-%m') as service_month, input, identity"
        " from intermediate.int_rating__period_inputs where coalesce(service_period, ?) <= ? order by all"
    )
    return plain(_rows(connection, query, period, period))


def with_numbers(contents: Sequence[Json], head: Head, prefix: str, issued_at: datetime) -> list[Json]:
    """Numbers in the order given, following the seller's last one."""
    return [
        content | {"invoice_number": numbered(prefix, issued_at.year, head.last_number + position)}
        for position, content in enumerate(contents, start=1)
    ]


def issue_document(
    contents: Sequence[Json],
    head: Head,
    *,
    seller_id: str,
    period: str,
    issued_at: datetime,
    issue_id: str,
    inputs_hash: str,
    code_version: str,
    settings: Mapping[str, str],
    inputs: Sequence[Json],
    rates: Sequence[Json],
    gates: Sequence[Gate],
    waivers: Mapping[str, str],
) -> Json:
    """The entry that closes a seller's month with these numbered invoices (there may be none)."""
    hashed = [content | {"inputs_hash": inputs_hash} for content in contents]
    return {
        "kind": "issue",
        "seller_id": seller_id,
        "period": period,
        "affects_from": period,
        "issued_at": issued_at.isoformat(),
        "issue_id": issue_id,
        "inputs_hash": inputs_hash,
        "inputs": list(inputs),
        "settings": dict(settings),
        "code_version": code_version,
        "fx_rates": list(rates),
        "gates": [{"gate": gate.name, "passed": gate.passed, "detail": gate.detail} for gate in gates],
        "waivers": [
            {"gate": gate.name, "why": waivers[gate.name], "detail": gate.detail}
            for gate in gates
            if not gate.passed and gate.name in waivers
        ],
        "invoices": chained(hashed, head.invoice_hash),
    }


def void_document(
    entry: Entry,
    invoice: Json,
    head: Head,
    *,
    period: str,
    prefix: str,
    issued_at: datetime,
    issue_id: str,
    code_version: str,
    why: str,
) -> Json:
    """The entry that takes an issued invoice back, in the seller's first open month."""
    number = numbered(prefix, issued_at.year, head.last_number + 1)
    content = taken_back(invoice["content"], period, number) | {"inputs_hash": invoice["content_hash"]}
    return {
        "kind": "void",
        "seller_id": entry.seller_id,
        "period": period,
        "affects_from": invoice["content"]["invoice_period"],
        "issued_at": issued_at.isoformat(),
        "issue_id": issue_id,
        "inputs_hash": invoice["content_hash"],
        "code_version": code_version,
        "fx_rates": [],
        "gates": [],
        "waivers": [],
        "why": why,
        "invoices": chained([content], head.invoice_hash),
    }
