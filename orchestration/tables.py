"""Marts as plain rows for people: queries of one line, markdown and numbers. Arithmetic belongs in a mart."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
from iso4217 import Currency

Row = dict[str, Any]
AMOUNTS = ("net_amount", "tax_amount", "total_amount")
_MARKDOWN = str.maketrans({character: f"\\{character}" for character in "\\`*_{}[]()#+!|~"} | {"\n": " ", "\r": " "})


def rows(connection: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[Any] = ()) -> list[Row]:
    """The query's rows by column name."""
    cursor = connection.execute(query, list(parameters))
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def exists(connection: duckdb.DuckDBPyConnection, mart: str) -> bool:
    query = "select 1 from information_schema.tables where table_schema = 'main' and table_name = ?"
    return connection.execute(query, [mart]).fetchone() is not None


def invoices(connection: duckdb.DuckDBPyConnection, months: Sequence[date]) -> list[Row]:
    """Invoices of the months (all where none is named), in the order a person looks for them."""
    return rows(
        connection,
        "select * from fct_invoices where len(?) = 0 or list_contains(?, invoice_period) "
        "order by invoice_period, seller_id, buyer_id, invoice_id",
        [list(months), list(months)],
    )


def with_digits(found: Sequence[Row]) -> list[Row]:
    """Invoices with their amounts, which are rounded already, shown with as many digits as the currency has."""

    def shown(row: Row) -> Row:
        one = Decimal(1).scaleb(-(Currency(row["currency"]).exponent or 0))
        return row | {name: row[name] if row[name] is None else row[name].quantize(one) for name in AMOUNTS}

    return [shown(row) for row in found]


def net_by_currency(found: Sequence[Row]) -> dict[str, Decimal]:
    """Sums of net_amount; two currencies are never added."""
    totals: dict[str, Decimal] = {}
    for row in found:
        totals[row["currency"]] = totals.get(row["currency"], Decimal(0)) + (row["net_amount"] or 0)
    return dict(sorted(totals.items()))


def escaped(value: Any) -> str:
    """A value as inert text in markdown: names come from outside and must not become markup or links."""
    return html.escape(str("" if value is None else value), quote=True).translate(_MARKDOWN)


def markdown(found: Sequence[Mapping[str, Any]], columns: Sequence[str], limit: int = 50) -> str:
    """A markdown table of these columns; says how many rows it leaves out."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(escaped(row.get(column)) for column in columns) + " |" for row in found[:limit]]
    if len(found) > limit:
        lines.append(f"\n… and {len(found) - limit} more")
    return "\n".join(lines)


def reconciliation(connection: duckdb.DuckDBPyConnection, months: Sequence[date]) -> list[Row]:
    """Rows of the reconciliation of the months (all where none is named), in the order of the flow."""
    return rows(
        connection,
        "select * from fct_reconciliation where len(?) = 0 or list_contains(?, billing_period) order by all",
        [list(months), list(months)],
    )


def differences(connection: duckdb.DuckDBPyConnection, month: date) -> list[Row]:
    """What is rated now for a service month less what was issued of it, by key; keys that agree are left out."""
    return rows(
        connection,
        "select seller_id, buyer_id, agreement_id, charge_key, coalesce(issued.issued_amount, 0) as issued_amount,"
        " coalesce(issued.issued_amount, 0) + drafted.amount as rated_amount, drafted.amount as difference,"
        " drafted.currency, drafted.invoice_period, drafted.corrects_line_id"
        " from intermediate.int_rating__lines_drafted as drafted left join (select service_period, agreement_id,"
        " charge_key, currency, sum(amount) as issued_amount from lake.ledger_lines group by all) as issued"
        " using (service_period, agreement_id, charge_key, currency) where service_period = ? order by all",
        [month],
    )


def unexplained(found: Sequence[Row]) -> list[Row]:
    """Hops whose difference to the one before is not explained to the last decimal."""
    return [row for row in found if row["unexplained"]]


def hops(found: Sequence[Row]) -> list[Row]:
    """One row per period, source, account and currency with a column per hop; what is zero throughout is left out."""
    pivoted: dict[tuple[Any, ...], Row] = {}
    for row in found:
        key = (row["billing_period"], row["source"], row["account"], row["currency"])
        line = pivoted.setdefault(key, {"billing_period": key[0], "source": key[1], "account": key[2]})
        line[row["hop"]] = row["amount"]
        left = line.pop("unexplained", Decimal(0)) + row["unexplained"]
        line.pop("currency", None)
        line |= {"unexplained": left, "currency": key[3]}  # the last columns
    return [line for line in pivoted.values() if any(isinstance(v, Decimal) and v for v in line.values())]
