"""Marts against a sample world's truth.json, value for value. For any test that ran the house on a sample inbox.

problems = differences(connection, truth)      # [] where every mart says what the truth says
assert problems == [], "\\n".join(problems)
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import duckdb

Values = Mapping[tuple[str, ...], Decimal]

# Rated amounts are sums of rows cast to 12 decimals before they are converted; how many rows is the models' affair.
# A cast in USD is worth up to 160 times as much in JPY. Bills, components and invoices have no tolerance.
TOLERANCE = Decimal("1e-9")


def differences(connection: duckdb.DuckDBPyConnection, truth: Mapping[str, Any]) -> list[str]:
    """Every key on which a mart and the truth disagree, one text each."""
    periods = set(truth["periods"])

    def marts(query: str) -> dict[tuple[str, ...], Decimal]:
        """Rows of texts and one amount, as a mapping."""
        rows = connection.execute(f"select * from ({query}) as asked order by all").fetchall()
        return {tuple(keys): amount for *keys, amount in rows}

    found = compare(
        "fct_account_costs by account and view",
        {
            (bill["payer_account_id"], bill["period"], account, view): Decimal(amount)
            for bill in truth["bills"]
            for account, views in bill["accounts"].items()
            for view, amount in views.items()
        },
        marts(
            "select payer_account_id, strftime(billing_period, '%Y-%m'), sub_account_id, cost_view, sum(amount)"
            " from fct_account_costs where cost_view in ('billed', 'effective', 'owner') group by all"
        ),
    )
    found += compare(
        "fct_account_costs by component",
        {
            (bill["payer_account_id"], bill["period"], view, component): Decimal(amount)
            for bill in truth["bills"]
            for view, components in bill["components"].items()
            for component, amount in components.items()
        },
        marts(
            "select payer_account_id, strftime(billing_period, '%Y-%m'), cost_view, component, sum(amount)"
            " from fct_account_costs where cost_view in ('effective', 'owner') group by all"
        ),
    )
    found += compare(
        "fct_cost_and_usage by payer",
        {
            (bill["payer_account_id"], bill["period"], bill["currency"], name): Decimal(bill[name])
            for bill in truth["bills"]
            for name in ("billed", "effective")
        },
        marts(
            "select payer_account_id, strftime(billing_period, '%Y-%m'), billing_currency, 'billed', sum(billed_cost)"
            " from fct_cost_and_usage group by all union all"
            " select payer_account_id, strftime(billing_period, '%Y-%m'), billing_currency, 'effective',"
            " sum(effective_cost) from fct_cost_and_usage group by all"
        ),
    )
    found += compare(
        "fct_metered_usage by owner's month",
        {
            (row["meter_id"], row["resource_id"], row["owner_party_id"], row["period"]): Decimal(row["quantity"])
            for row in truth["metered"]
        },
        marts(
            "select meter_id, resource_id, owner_party_id, strftime(billing_period, '%Y-%m'), sum(period_quantity)"
            " from fct_metered_usage group by all"
        ),
        TOLERANCE,
    )
    # What is due ahead for the month after the last is on its invoice, not yet in a service period that was run.
    found += compare(
        "fct_rated_charges by key",
        {
            (row["agreement_id"], row["service_period"], row["charge_key"]): Decimal(row["amount"])
            for row in truth["rated"]
            if row["service_period"] in periods
        },
        marts(
            "select agreement_id, strftime(service_period, '%Y-%m'), charge_key, sum(amount)"
            " from fct_rated_charges group by all"
        ),
        TOLERANCE,
    )
    found += compare(
        "fct_margin of cloud cost",
        {(row["agreement_id"], row["service_period"]): Decimal(row["margin"]) for row in truth["margins"]},
        marts(
            "select agreement_id, strftime(service_period, '%Y-%m'), sum(margin)"
            " from fct_margin where component = 'margin' and charge_key like 'aws/%' group by all"
        ),
        TOLERANCE,
    )
    found += compare(
        "fct_invoice_lines",
        {
            (invoice["seller_id"], invoice["buyer_id"], invoice["invoice_period"], line["service_period"], key): amount
            for invoice in truth["invoices"]
            for line in invoice["lines"]
            for key, amount in ((line["charge_key"], Decimal(line["amount"])),)
        },
        marts(
            "select seller_id, buyer_id, strftime(invoice_period, '%Y-%m'), strftime(service_period, '%Y-%m'),"
            " charge_key, sum(amount) from fct_invoice_lines group by all"
        ),
    )
    for column in ("net_amount", "tax_amount", "total_amount"):
        found += compare(
            f"fct_invoices.{column}",
            {
                (row["seller_id"], row["buyer_id"], row["invoice_period"], row["currency"]): Decimal(row[column])
                for row in truth["invoices"]
            },
            marts(
                f"select seller_id, buyer_id, strftime(invoice_period, '%Y-%m'), currency, {column} from fct_invoices"
            ),
        )
    found += compare(
        "fct_budget_vs_actual at the month's end",
        {(row["budget_id"], row["period"], row["currency"]): Decimal(row["actual"]) for row in truth["budgets"]},
        marts(
            "select budget_id, strftime(billing_period, '%Y-%m'), currency, actual_to_date"
            " from fct_budget_vs_actual where budget_date = last_day(budget_date)"
        ),
        TOLERANCE,
    )
    ones = Decimal(1)
    found += compare(
        "statuses of budgets at the month's end",
        {(row["budget_id"], row["period"], row["status"]): ones for row in truth["budgets"]},
        marts(
            "select budget_id, strftime(billing_period, '%Y-%m'), status, 1"
            " from fct_budget_vs_actual where budget_date = last_day(budget_date)"
        ),
    )
    dated = [row["budget_id"] for row in truth["budgets"] if row["crossings"] is not None]
    found += compare(
        "fct_budget_crossings",
        {
            (row["budget_id"], row["period"], threshold, day): ones
            for row in truth["budgets"]
            for threshold, day in (row["crossings"] or {}).items()
        },
        marts(
            "select budget_id, strftime(billing_period, '%Y-%m'), rtrim(rtrim(threshold::varchar, '0'), '.'),"
            " crossed_on::varchar, 1 from fct_budget_crossings"
            f" where budget_id in ({', '.join(map(repr, sorted(set(dated))))})"
        ),
    )
    return found


def compare(name: str, wanted: Values, had: Values, tolerance: Decimal = Decimal(0)) -> list[str]:
    """A key that one side lacks counts as zero there; zero rows may be left out."""
    zero = Decimal(0)
    return [
        f"{name} {' / '.join(key)}: truth {wanted.get(key)}, mart {had.get(key)}"
        for key in sorted(wanted.keys() | had.keys())
        if abs(wanted.get(key, zero) - had.get(key, zero)) > tolerance
    ]
