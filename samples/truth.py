"""The sample world's truth, worked out by `samples.reference` from what was delivered, as one JSON document.

Every number is text, exact.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Any

from samples.edge_files import Metric
from samples.reference.budgets import budget_rows
from samples.reference.catalog import Catalog
from samples.reference.chain import rate_costs
from samples.reference.charges import rate_subscriptions
from samples.reference.costs import Cost, costs, totals
from samples.reference.invoices import Invoice, draft
from samples.reference.metering import meter, quantities
from samples.reference.numbers import ZERO, exact
from samples.reference.rated import Rated

Line = Mapping[str, Any]


def plain(number: Decimal) -> str:
    """Exact text without an exponent and without trailing zeros."""
    text = format(number, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def truth(
    seed: int,
    periods: Sequence[str],
    bills: Mapping[tuple[str, str], Sequence[Line]],
    samples: Mapping[str, list[Metric]],
    tables: dict[str, list[dict[str, Any]]],
    deliveries: list[dict[str, Any]],
) -> dict[str, Any]:
    """The document. `bills` are the current bills by (payer, period), `samples` all samples by host."""
    with localcontext(prec=60):
        catalog = Catalog(tables)
        rows = [row for (payer, period), lines in sorted(bills.items()) for row in costs(payer, period, lines)]
        usages = meter(catalog, dict(samples))
        rated = rate_costs(catalog, rows) + rate_subscriptions(catalog, usages, periods)
        rated.sort(key=lambda row: (row.agreement, row.period, row.key))
        return {
            "seed": seed,
            "periods": list(periods),
            "deliveries": deliveries,
            "bills": bill_totals(bills, rows),
            "metered": [
                {
                    "meter_id": name,
                    "resource_id": host,
                    "owner_party_id": owner,
                    "period": period,
                    "quantity": plain(value),
                }
                for (name, host, owner, period), value in sorted(quantities(catalog, usages).items())
                if period in periods
            ],
            "rated": [rated_row(catalog, row) for row in rated],
            "margins": margins(catalog, rated),
            "invoices": [invoice_document(catalog, invoice) for invoice in draft(catalog, rated, periods)],
            "budgets": [
                row | {"actual": plain(exact(row["actual"]))}
                for row in budget_rows(catalog, rows, bills, rated, periods)
            ],
        }


def bill_totals(bills: Mapping[tuple[str, str], Sequence[Line]], rows: list[Cost]) -> list[dict[str, Any]]:
    """Per payer and period: control totals, line types, and every account in every view."""
    by_bill: dict[tuple[str, str], list[Cost]] = defaultdict(list)
    for row in rows:
        by_bill[row.payer, row.period].append(row)
    documents = []
    for (payer, period), lines in sorted(bills.items()):
        counted = Counter(line["line_item_line_item_type"] for line in lines)
        unblended: dict[str, Decimal] = defaultdict(Decimal)
        for line in lines:
            unblended[line["line_item_line_item_type"]] += line["line_item_unblended_cost"]
        views = totals(by_bill[payer, period], "view")
        accounts = totals(by_bill[payer, period], "account", "view")
        components = totals(by_bill[payer, period], "view", "component")
        documents.append(
            {
                "payer_account_id": payer,
                "period": period,
                "currency": "USD",
                "lines": len(lines),
                "billed": plain(views["billed",]),
                "effective": plain(views["effective",]),
                "line_types": {
                    kind: {"lines": counted[kind], "unblended": plain(unblended[kind])} for kind in sorted(counted)
                },
                "accounts": {
                    account: {
                        view: plain(accounts.get((account, view), ZERO)) for view in ("billed", "effective", "owner")
                    }
                    for account in sorted({account for account, _ in accounts})
                },
                "components": {
                    view: {name: plain(total) for (of, name), total in sorted(components.items()) if of == view}
                    for view in ("effective", "owner")
                },
            }
        )
    return documents


def _ends(catalog: Catalog, agreement: str) -> dict[str, str]:
    terms = catalog.agreements[agreement]
    return {
        "agreement_id": agreement,
        "seller_id": terms["seller_id"],
        "buyer_id": terms["buyer_id"],
        "currency": terms["currency"],
    }


def rated_row(catalog: Catalog, row: Rated) -> dict[str, Any]:
    """A rated amount; `invoice_period` is where it is drafted, null on the vendor's edge."""
    ends = _ends(catalog, row.agreement)
    has_documents = catalog.parties[ends["seller_id"]]["role"] != "vendor"
    return {
        **ends,
        "service_period": row.period,
        "invoice_period": (row.due or row.period) if has_documents else None,
        "charge_key": row.key,
        "component": row.component,
        "amount": plain(exact(row.amount)),
        "upstream_amount": None if row.upstream is None else plain(exact(row.upstream)),
    }


def margins(catalog: Catalog, rated: list[Rated]) -> list[dict[str, Any]]:
    """Per edge below the vendor's and service period, cloud cost alone: bought, sold, margin."""
    sums: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for row in rated:
        if (
            row.upstream is not None
            and catalog.parties[catalog.agreements[row.agreement]["seller_id"]]["role"] != "vendor"
        ):
            sums[row.agreement, row.period][0] += row.upstream
            sums[row.agreement, row.period][1] += row.amount
    return [
        {
            **_ends(catalog, agreement),
            "service_period": period,
            "buy_amount": plain(exact(bought)),
            "sell_amount": plain(exact(sold)),
            "margin": plain(exact(sold - bought)),
        }
        for (agreement, period), (bought, sold) in sorted(sums.items())
    ]


def invoice_document(catalog: Catalog, invoice: Invoice) -> dict[str, Any]:
    """A draft invoice with its lines; the rounding line is one of them, its exact amount is 0."""
    return {
        **_ends(catalog, invoice.agreement),
        "invoice_period": invoice.period,
        "net_amount": plain(invoice.net),
        "tax_amount": plain(invoice.tax),
        "total_amount": plain(invoice.net + invoice.tax),
        "taxes": [
            {name: plain(value) if isinstance(value, Decimal) else value for name, value in row.items()}
            for row in invoice.taxes
        ],
        "lines": [
            {
                "service_period": line.service_period,
                "charge_key": line.key,
                "exact_amount": plain(exact(line.exact_amount)),
                "amount": plain(line.amount),
                "tax_category": line.tax_category,
            }
            for line in invoice.lines
        ],
    }


def dumped(document: dict[str, Any]) -> bytes:
    """The document as bytes: keys in order, one line per row of a list."""
    return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()
