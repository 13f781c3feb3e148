"""The catalog of the sample world: terms, prices, owners, meters, plans, subscriptions, rates.

`catalog_deliveries` yields what arrives on each date: the first delivery is whole, the second brings new versions of
the tables in which something changed (a delivered table replaces the former whole).
"""

from __future__ import annotations

from datetime import date
from typing import Any

from samples.catalog_files import CATALOG_COLUMNS
from samples.catalog_plans import CHARGE_PRICES, CHARGES, METERS, PLANS, SUBSCRIPTIONS
from samples.world import (
    ACCOUNT_MOVES,
    ACCOUNTS,
    CATALOG_DELIVERIES,
    CUSTOMERS,
    MONTHS,
    PARTIES,
    PAYER_A,
    PAYER_B,
    SERVER_MOVES,
    SERVERS,
)

Row = dict[str, Any]
Tables = dict[str, list[Row]]


def parties() -> list[Row]:
    """Everyone, with the prefix of their invoices."""
    return [
        {
            "party_id": party.id,
            "name": party.name,
            "role": party.role,
            "country": party.country,
            "time_zone": party.time_zone,
            "tax_id": party.tax_id,
            "tax_status": party.tax_status,
            "email": f"billing@{party.id}.example",
            "invoice_prefix": party.id.upper()[:4] if party.role in ("distributor", "reseller") else None,
        }
        for party in PARTIES
    ]


def agreements() -> list[Row]:
    """The chain. Sakura and its customers are billed in the view `owner`; everest gets the bill as printed."""
    rows = [
        _agreement("aws", "nordwind", "USD", vendor="aws"),
        _agreement("nordwind", "atlas", "USD"),
        _agreement("nordwind", "meridian", "EUR", fx_source="ecb"),
        _agreement("nordwind", "sakura", "USD", cost_view="owner"),
    ]
    rows += [
        _agreement(
            "atlas",
            customer,
            "USD",
            cost_view="billed" if customer == "everest" else "effective",
            rounding="line" if customer == "ibis" else "total",
        )
        for customer in CUSTOMERS["atlas"]
        if customer != "harbor"
    ]
    # harbor renews on new terms in March: two agreements, one after the other.
    rows.append(_agreement("atlas", "harbor", "USD", valid_to=date(2026, 3, 1)))
    rows.append(
        _agreement("atlas", "harbor", "USD", "atlas-harbor-2026", valid_from=date(2026, 3, 1), payment_terms_days=14)
    )
    rows += [_agreement("meridian", customer, "EUR") for customer in CUSTOMERS["meridian"]]
    rows += [
        _agreement("sakura", customer, "JPY", cost_view="owner", fx_fixed_rate="150.25")
        if customer == "vega"
        else _agreement("sakura", customer, "JPY", cost_view="owner", fx_source="boj")
        for customer in CUSTOMERS["sakura"]
    ]
    return rows


def _agreement(seller: str, buyer: str, currency: str, agreement_id: str | None = None, **terms: Any) -> Row:
    return {
        "agreement_id": agreement_id or f"{seller}-{buyer}",
        "seller_id": seller,
        "buyer_id": buyer,
        "currency": currency,
        "cost_view": "effective",
        "proration": "actual_days",
        "rounding": "total",
        "payment_terms_days": 30,
        "valid_from": date(2025, 1, 1),
    } | terms


def price_rules(delivery: int) -> list[Row]:
    """Markups by edge and more specific rules; ibis has none and buys at cost. Delivery 2: cascade's new markup."""
    rules = [
        ("nordwind-atlas", "markup", "0.03", {}),
        ("nordwind-atlas", "markup", "0.025", {"service": "AmazonS3"}),
        ("nordwind-meridian", "markup", "0.035", {}),
        ("nordwind-sakura", "markup", "0.04", {}),
        ("atlas-apex", "markup", "0.10", {}),
        ("atlas-apex", "markup", "0.07", {"account_id": "101223344556"}),
        ("atlas-bluebird", "markup", "0.12", {"vendor": "aws"}),
        ("atlas-bluebird", "discount", "0.05", {"service": "AmazonS3"}),
        ("atlas-cascade", "markup", "0.11", {"valid_to": date(2026, 2, 15)} if delivery == 2 else {}),
        ("atlas-delta-labs", "markup", "0.10", {}),
        ("atlas-delta-labs", "fixed", "0.1775", {"service": "AmazonRDS", "sku": "RDSM5LARGE00001"}),
        ("atlas-everest", "markup", "0.08", {}),
        ("atlas-foxglove", "markup", "0.15", {}),
        ("atlas-foxglove", "markup", "0.05", {"charge_category": "Purchase"}),
        ("atlas-granite", "pass_through", None, {}),
        ("atlas-harbor", "markup", "0.20", {}),
        ("atlas-harbor-2026", "markup", "0.18", {}),
        *((f"meridian-{customer}", "markup", "0.09", {}) for customer in CUSTOMERS["meridian"]),
        ("meridian-jura", "markup", "0.14", {"service": "AmazonEC2"}),
        ("meridian-kestrel", "markup", "0.06", {"sku": "S3STORAGE000001"}),
        *((f"sakura-{customer}", "markup", "0.125", {}) for customer in CUSTOMERS["sakura"]),
        ("sakura-tanuki", "markup", "0.02", {"charge_category": "Credit"}),
    ]
    if delivery == 2:
        rules.append(("atlas-cascade", "markup", "0.13", {"valid_from": date(2026, 2, 15)}))
    return [
        {"rule_id": f"rule-{number:03d}", "agreement_id": agreement, "kind": kind, "value": value} | match
        for number, (agreement, kind, value, match) in enumerate(rules, start=1)
    ]


def resource_owners() -> list[Row]:
    """Every account and server has an owner on every day; one account and one server change hands mid-month."""
    rows = []
    for kind, resource, owner, moves_to, moves_on in [
        *(("aws_account", account.id, account.owner, account.moves_to, ACCOUNT_MOVES) for account in ACCOUNTS),
        *(("edge_server", server.host, server.owner, server.moves_to, SERVER_MOVES) for server in SERVERS),
    ]:
        rows.append({"resource_kind": kind, "resource_id": resource, "party_id": owner, "valid_from": date(2025, 1, 1)})
        if moves_to:
            rows[-1]["valid_to"] = moves_on
            rows.append({"resource_kind": kind, "resource_id": resource, "party_id": moves_to, "valid_from": moves_on})
    return rows


def fx_rates() -> list[Row]:
    """A rate per month and source, December to April: plans billed in advance need the month after."""
    ecb = {"2025-12": "0.8534", "2026-01": "0.8571", "2026-02": "0.8493", "2026-03": "0.8617", "2026-04": "0.8602"}
    boj = {"2025-12": "155.91", "2026-01": "156.42", "2026-02": "153.87", "2026-03": "151.09", "2026-04": "150.70"}
    return [
        {"from_currency": "USD", "to_currency": to, "period": period, "rate": rate, "source": source}
        for to, source, rates in (("EUR", "ecb", ecb), ("JPY", "boj", boj))
        for period, rate in rates.items()
    ]


def tax_rates() -> list[Row]:
    """Domestic sales at the country's rate, business abroad by reverse charge, consumers at the seller's rate."""
    domestic = {"DE": "0.19", "FR": "0.20", "JP": "0.10", "US": "0.0825"}
    rows: list[Row] = [
        {"seller_country": country, "buyer_country": country, "kind": "standard", "rate": rate}
        for country, rate in domestic.items()
    ]
    rows.append({"seller_country": "FR", "buyer_country": "IT", "buyer_tax_status": "consumer", "kind": "standard"})
    rows[-1]["rate"] = "0.20"
    rows.append({"buyer_tax_status": "business", "kind": "reverse_charge", "rate": "0"})
    rows.append(
        {"seller_country": "US", "buyer_country": "US", "buyer_tax_status": "exempt", "kind": "exempt", "rate": "0"}
    )
    return [row | {"valid_from": date(2025, 1, 1)} for row in rows]


def budgets(delivery: int) -> list[Row]:
    """A few that hold and a few that do not. Delivery 2: apex may spend more, and everest watches another service."""
    raised = "1300" if delivery == 2 else "900"
    monthly: list[tuple[str, str, str, str | None, str, str, str | None]] = [
        ("nordwind-all", "nordwind", "party", None, "10800", "USD", None),
        ("apex-all", "apex", "party", None, raised, "USD", None),
        ("apex-robots", "apex", "account", "000123450017", "500", "USD", "50;75;90;100"),
        ("marais-all", "marais", "party", None, "450", "EUR", None),
        ("nordwind-compute", "nordwind", "service", "AmazonEC2", "4400", "USD", "80;100"),
        ("meridian-storage", "meridian", "service", "AmazonS3", "900", "EUR", None),
        ("tanuki-games", "tanuki", "account", "220011000007", "55000", "JPY", None),
        ("atlas-production", "atlas", "tag", "env=prod", "850", "USD", None),
    ]
    if delivery == 2:
        monthly.append(("everest-storage", "everest", "service", "AmazonS3", "115", "USD", None))
    names = ("budget_id", "party_id", "scope", "scope_value", "amount", "currency", "thresholds")
    return [dict(zip(names, row, strict=True)) | {"period": period} for row in monthly for period in MONTHS]


def catalog_deliveries() -> dict[str, Tables]:
    """What is delivered on each date: table -> rows."""
    first: Tables = {
        "parties": parties(),
        "agreements": agreements(),
        "payers": [
            {
                "payer_id": PAYER_A,
                "vendor": "aws",
                "party_id": "nordwind",
                "report": "cost-report",
                "cost_basis": "unblended",
            },
            {
                "payer_id": PAYER_B,
                "vendor": "aws",
                "party_id": "nordwind",
                "report": "cost-export",
                "cost_basis": "unblended",
            },
        ],
        "expected_sources": [
            *(
                {"source": "aws_cur", "account": payer, "seller_id": "nordwind", "grace_days": 5}
                for payer in (PAYER_A, PAYER_B)
            ),
            *(
                {"source": "edge", "account": server.host, "seller_id": "nordwind", "grace_days": 3}
                for server in SERVERS
            ),
        ],
        "vendor_prices": [
            {
                "vendor": "aws",
                "service": "AmazonS3",
                "sku": "S3STORAGE000001",
                "usage_type": "TimedStorage-ByteHrs",
                "pool": "s3-standard-storage",
                "lower": lower,
                "upper": upper,
                "unit_price": price,
                "currency": "USD",
            }
            for lower, upper, price in (
                ("0", "51200", "0.023"),
                ("51200", "512000", "0.022"),
                ("512000", None, "0.021"),
            )
        ],
        "price_rules": price_rules(1),
        "resource_owners": resource_owners(),
        "meters": METERS,
        "plans": PLANS,
        "plan_charges": CHARGES,
        "charge_prices": [row for row in CHARGE_PRICES if row.get("valid_from") != date(2026, 2, 15)],
        "subscriptions": [
            row for row in SUBSCRIPTIONS if row["start_date"] < date(2026, 2, 15) and "valid_from" not in row
        ],
        "fx_rates": fx_rates(),
        "tax_rates": tax_rates(),
        "budgets": budgets(1),
    }
    # Known later: an end, a plan change, a new price version, a new subscription, a new markup.
    for row in first["charge_prices"]:
        if row.get("valid_to") == date(2026, 2, 15):
            first["charge_prices"][first["charge_prices"].index(row)] = row | {"valid_to": None}
    first["subscriptions"] = [row | {"end_date": None, "valid_to": None} for row in first["subscriptions"]]
    second: Tables = {
        "price_rules": price_rules(2),
        "charge_prices": CHARGE_PRICES,
        "subscriptions": SUBSCRIPTIONS,
        "budgets": budgets(2),
    }
    complete = {table: first.get(table, []) for table in CATALOG_COLUMNS}
    return dict(zip(CATALOG_DELIVERIES, (complete, second), strict=True))


def current_catalog() -> Tables:
    """The catalog as last delivered: every table in its newest delivery."""
    tables: Tables = {}
    for delivery in catalog_deliveries().values():
        tables |= delivery
    return tables
