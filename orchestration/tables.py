"""Marts as plain rows for people: queries of one line, markdown and numbers. Arithmetic belongs in a mart."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import duckdb
from iso4217 import Currency

Row = dict[str, Any]
_MARKDOWN = str.maketrans({character: f"\\{character}" for character in "\\`*_{}[]()#+!|~"} | {"\n": " ", "\r": " "})


def rows(connection: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[Any] = ()) -> list[Row]:
    """The query's rows by column name."""
    cursor = connection.execute(query, list(parameters))
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def among(values: Sequence[Any]) -> str:
    """A list of placeholders for `in`; of nothing, so that an empty list finds nothing."""
    return "(" + (", ".join("?" * len(values)) or "null") + ")"


def quoted(text: str) -> str:
    """The text as a literal of SQL, where no placeholder may stand."""
    return "'" + text.replace("'", "''") + "'"


def _of_months(column: str, months: Sequence[date]) -> str:
    return f" where {column} in {among(months)}" if months else ""


def exists(connection: duckdb.DuckDBPyConnection, mart: str) -> bool:
    query = (
        "select 1 from information_schema.tables where lower(table_schema) in ('main', 'marts')"
        " and lower(table_name) = ?"
    )
    return connection.execute(query, [mart]).fetchone() is not None


def failing_rows(connection: duckdb.DuckDBPyConnection, checks: Sequence[str], limit: int = 5) -> list[str]:
    """What failed checks ("name on asset") found, of those that keep it in `test_failures`; columns as text."""
    kept = {name.lower() for (name,) in connection.execute(
        "select table_name from information_schema.tables where lower(table_schema) = 'test_failures'"
    ).fetchall()}  # fmt: skip
    return [
        ", ".join(f"{column} {value}" for column, value in row.items())
        for name in sorted({check.split(" on ")[0] for check in checks} & kept)
        for row in rows(connection, f"select * from test_failures.{name} order by all limit {limit:d}")
    ]


def invoices(connection: duckdb.DuckDBPyConnection, months: Sequence[date], sellers: Sequence[str] = ()) -> list[Row]:
    """Invoices of the months and sellers (all where none is named), in the order a person looks for them."""
    wanted = _of_months("invoice_period", months)
    wanted += f" {'and' if wanted else 'where'} seller_id in {among(sellers)}" if sellers else ""
    return rows(
        connection,
        f"select * from fct_invoices{wanted} order by invoice_period, seller_id, buyer_id, invoice_id",
        [*months, *sellers],
    )


def budgets(connection: duckdb.DuckDBPyConnection, months: Sequence[date]) -> list[Row]:
    """Budgets of the months (of the newest where none is named) on their last known day."""
    wanted = among(months) if months else "(select max(billing_period) from fct_budget_vs_actual)"
    return rows(
        connection,
        f"select * from fct_budget_vs_actual where is_latest and billing_period in {wanted} order by all",
        months,
    )


def forecast_figures(connection: duckdb.DuckDBPyConnection) -> list[Row]:
    """Of each model in use: how many series it forecasts, and how its backtests went."""
    return rows(
        connection,
        "select model, count(distinct series.series_id) as series, "
        "cast(avg(mase) as decimal(12, 3)) as mase, cast(avg(coverage) as decimal(12, 3)) as coverage "
        "from (select distinct series_id, model from fct_forecast) as series "
        "left join fct_forecast_backtest using (series_id, model) group by model order by series desc, model",
    )


def with_digits(found: Sequence[Row]) -> list[Row]:
    """Rows with their amounts as text for people: thousands set off, as many digits as the row's currency has.

    Display only: issued and drafted amounts are rounded already, hops are shown to the minor unit (half away from
    zero) and are exact in `--json` and in the mart.
    """

    def shown(row: Row) -> Row:
        digits = Currency(row["currency"]).exponent or 0
        one = Decimal(1).scaleb(-digits)
        return row | {
            name: f"{value.quantize(one, ROUND_HALF_UP):,.{digits}f}"
            for name, value in row.items()
            if isinstance(value, Decimal)
        }

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
        f"select * from fct_reconciliation{_of_months('billing_period', months)} order by all",
        months,
    )


def differences(connection: duckdb.DuckDBPyConnection, month: date) -> list[Row]:
    """What is rated now for a service month less what was issued of it, by key; keys that agree are left out."""
    return rows(
        connection,
        "select seller_id, buyer_id, agreement_id, charge_key, coalesce(issued.issued_amount, 0) as issued_amount,"
        " coalesce(issued.issued_amount, 0) + drafted.amount as rated_amount, drafted.amount as difference,"
        " drafted.currency, drafted.invoice_period, drafted.corrects_line_id"
        " from intermediate.int_rating__lines_drafted as drafted left join (select service_period, agreement_id,"
        " seller_id, buyer_id, charge_key, currency, sum(amount) as issued_amount"
        " from lake.ledger_lines group by all) as issued"
        " using (service_period, agreement_id, seller_id, buyer_id, charge_key, currency)"
        " where service_period = ? order by all",
        [month],
    )


def unexplained(found: Sequence[Row]) -> list[Row]:
    """Hops whose difference to the one before is not explained to the last decimal."""
    return [row for row in found if row["unexplained"]]


def hops(found: Sequence[Row]) -> list[Row]:
    """One row per period, source, account and currency with a column per hop; what is zero throughout is left out.

    Only bills keep their accounts: subscriptions and rounding have one per seller or agreement and are added up.
    """
    pivoted: dict[tuple[Any, ...], Row] = {}
    names = list(dict.fromkeys(row["hop"] for row in sorted(found, key=lambda row: row["hop_number"])))
    billed = {(row["source"], row["account"]) for row in found if row["hop"] == "delivered" and row["amount"]}
    sources = {source for source, _ in billed}
    for row in found:
        account = row["account"] if row["source"] in sources else "all"
        key = (row["billing_period"], row["source"], account, row["currency"])
        line = pivoted.setdefault(key, dict.fromkeys(names, Decimal(0)) | {"unexplained": Decimal(0)})
        line[row["hop"]] += row["amount"]
        line["unexplained"] += row["unexplained"]
    return [
        {"billing_period": period, "source": source, "account": account} | line | {"currency": currency}
        for (period, source, account, currency), line in pivoted.items()
        if any(line.values())
    ]
