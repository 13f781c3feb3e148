"""The golden world: three sellers, each with a buyer in dollars, in yen and in Kuwaiti dinars, over three months.

    aws → north → west → alpha (USD), beta (JPY), gamma (KWD)
                → east → delta (USD), epsilon (JPY), zeta (KWD)
                → gulf

north sells to west in USD, to east in JPY and to gulf in KWD. Every figure is small enough for a pocket calculator;
README.md works January out. `deliver` brings what arrives until a day: a month is issued before the next day's
deliveries come, so that the late ones are corrections.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.worlds.builder import World, line, sample

NORTH, ALPHA, BETA, GAMMA, GULF, DELTA = (f"{number}00000000001" for number in range(1, 7))
SELLERS = ("north", "west", "east")
PERIODS = ("2026-01", "2026-02", "2026-03")
CLOSES = {"2026-01": "2026-02-03", "2026-02": "2026-03-03", "2026-03": "2026-04-03"}  # when a month is run and issued
SINCE = {"valid_from": "2025-01-01"}
ACCOUNTS = {NORTH: "north", ALPHA: "alpha", BETA: "beta", GAMMA: "gamma", GULF: "gulf", DELTA: "delta"}

# Seller -> buyer -> currency; what the edge does to what comes from above.
EDGES = {
    ("north", "west"): ("USD", "markup", "0.05"),
    ("north", "east"): ("JPY", "markup", "0.08"),
    ("north", "gulf"): ("KWD", "markup", "0.25"),
    ("west", "alpha"): ("USD", "markup", "0.10"),
    ("west", "beta"): ("JPY", "discount", "0.10"),
    ("west", "gamma"): ("KWD", "fixed", "0.0105"),
    ("east", "delta"): ("USD", "markup", "0.10"),
    ("east", "epsilon"): ("JPY", "markup", "0.10"),
    ("east", "zeta"): ("KWD", "markup", "0.10"),
}
RATES = {  # (from, to) -> rate of each month
    ("USD", "JPY"): ("150", "152", "151"),
    ("USD", "KWD"): ("0.31", "0.305", "0.308"),
    ("JPY", "USD"): ("0.0065", "0.0066", "0.0067"),
    ("JPY", "KWD"): ("0.002", "0.0021", "0.0022"),
}
# Account -> cost, list cost and quantity of its one bill line, by month.
BILLS: Mapping[str, Mapping[str, tuple[str, str, str]]] = {
    "2026-01": {
        ALPHA: ("88.00", "100.00", "10"),
        BETA: ("2.00", "2.50", "50"),
        GAMMA: ("3.00", "3.20", "123"),
        GULF: ("40.00", "40.00", "4"),
        DELTA: ("20.00", "20.00", "2"),
    },
    "2026-02": {
        ALPHA: ("44.00", "50.00", "5"),
        BETA: ("4.00", "5.00", "100"),
        GAMMA: ("6.00", "6.40", "246"),
        GULF: ("10.00", "10.00", "1"),
        DELTA: ("30.00", "30.00", "3"),
    },
    "2026-03": {
        ALPHA: ("17.60", "20.00", "2"),
        BETA: ("1.00", "1.25", "25"),
        GAMMA: ("1.50", "1.60", "61"),
        GULF: ("20.00", "20.00", "2"),
        DELTA: ("10.00", "10.00", "1"),
    },
}


def bill(period: str, **restated: str) -> list[dict[str, Any]]:
    """The lines of a month, one an account, and the vendor's own tax, which nobody resells."""
    lines = []
    for account, (cost, list_cost, quantity) in BILLS[period].items():
        is_storage = account in (BETA, GAMMA)
        lines.append(
            line(
                account=account,
                day=5,
                service="AmazonS3" if is_storage else "AmazonEC2",
                sku="STORE" if is_storage else "T3",
                quantity=quantity,
                cost=restated.get(account, cost),
                list_cost=list_cost,
            )
        )
    return [*lines, line(type="Tax", account=NORTH, day=5, quantity="0", cost="5.00")]


def _owners(gamma_moves: bool) -> list[dict[str, str]]:
    owned = [
        {"resource_kind": "aws_account", "resource_id": account, "party_id": party} | SINCE
        for account, party in ACCOUNTS.items()
    ]
    if gamma_moves:
        moved = next(row for row in owned if row["resource_id"] == GAMMA)
        moved["valid_to"] = "2026-02-01"
        owned.append(moved | {"party_id": "zeta", "valid_from": "2026-02-01", "valid_to": ""})
    owned.append({"resource_kind": "edge_server", "resource_id": "edge-01", "party_id": "epsilon"} | SINCE)
    owned.append({"resource_kind": "edge_server", "resource_id": "edge-02", "party_id": "zeta"} | SINCE)
    return owned


def _prices(care_from_february: str | None) -> list[dict[str, str]]:
    care = {"charge_id": "care", "tier": "1", "lower": "0", "unit_price": "30"} | SINCE
    versions = [care]
    if care_from_february:
        versions = [care | {"valid_to": "2026-02-01"}]
        versions.append(care | {"valid_from": "2026-02-01", "unit_price": care_from_february})
    return [
        *versions,
        {"charge_id": "seats", "tier": "1", "lower": "0", "unit_price": "10"} | SINCE,
        {"charge_id": "calls", "tier": "1", "lower": "0", "upper": "100", "unit_price": "2", "flat_fee": "50"} | SINCE,
        {"charge_id": "calls", "tier": "2", "lower": "100", "unit_price": "1.5"} | SINCE,
        {"charge_id": "bytes", "tier": "1", "lower": "0", "unit_price": "0.0123"} | SINCE,
    ]


def _catalog(world: World) -> None:
    countries = {"north": "DE", "west": "NL", "alpha": "NL", "east": "JP", "epsilon": "JP", "gulf": "KW", "gamma": "KW"}
    customers = [buyer for _, buyer in EDGES if buyer not in SELLERS]
    roles = {"north": "distributor", "west": "reseller", "east": "reseller"} | dict.fromkeys(customers, "customer")
    world.empty_catalog("2025-12-01")
    world.catalog(
        "2026-01-01",
        parties=[{"party_id": "aws", "role": "vendor"}]
        + [{"party_id": party, "role": role, "country": countries.get(party, "US")} for party, role in roles.items()],
        agreements=[{"seller_id": "aws", "buyer_id": "north", "vendor": "aws", "cost_view": "effective"} | SINCE]
        + [
            {"seller_id": seller, "buyer_id": buyer, "currency": currency, "cost_view": "effective"} | SINCE
            for (seller, buyer), (currency, _, _) in EDGES.items()
        ],
        payers=[{"payer_id": NORTH, "party_id": "north"} | SINCE],
        resource_owners=_owners(gamma_moves=False),
        price_rules=[
            {"agreement_id": f"{seller}-{buyer}", "kind": kind, "value": value, "tax_category": "S"} | SINCE
            for (seller, buyer), (_, kind, value) in EDGES.items()
        ],
        fx_rates=[
            {"from_currency": source, "to_currency": target, "period": period, "rate": rate}
            for (source, target), rates in RATES.items()
            for period, rate in zip(PERIODS, rates, strict=True)
        ],
        tax_rates=[
            {"seller_country": "NL", "buyer_country": "NL", "rate": "0.21"} | SINCE,
            {"seller_country": "JP", "buyer_country": "JP", "rate": "0.10"} | SINCE,
            {"seller_country": "DE", "buyer_country": "NL", "buyer_tax_status": "business", "kind": "reverse_charge"}
            | SINCE,
            {"seller_country": "DE", "buyer_country": "KW", "kind": "exempt"} | SINCE,
            {"kind": "zero"} | SINCE,
        ],
        meters=[{"meter_id": "units", "series": "app_units", "sample_type": "delta"}],
        plans=[
            {"plan_id": "support", "currency": "USD"},
            {"plan_id": "edge", "currency": "JPY"},
            {"plan_id": "transfer", "currency": "USD"},
        ],
        plan_charges=[
            {"charge_id": "care", "plan_id": "support", "charge_model": "flat"} | _RECURRING,
            {"charge_id": "seats", "plan_id": "support", "charge_model": "per_unit"} | _RECURRING,
            {"charge_id": "calls", "plan_id": "edge", "charge_model": "graduated"} | _METERED,
            {"charge_id": "bytes", "plan_id": "transfer", "charge_model": "per_unit"} | _METERED,
        ],
        charge_prices=_prices(care_from_february=None),
        subscriptions=[
            {"subscription_id": "s-alpha", "seller_id": "west", "buyer_id": "alpha", "plan_id": "support"}
            | {"quantity": "3", "anchor": "calendar", "start_date": "2026-01-17"},
            {"subscription_id": "s-epsilon", "seller_id": "east", "buyer_id": "epsilon", "plan_id": "edge"},
            {"subscription_id": "s-zeta", "seller_id": "east", "buyer_id": "zeta", "plan_id": "transfer"},
        ],
    )


_RECURRING = {"charge_type": "recurring", "timing": "in_arrears", "interval": "month", "tax_category": "S"}
_METERED = {"charge_type": "usage", "meter_id": "units", "tax_category": "S"}


def _units(world: World, host: str, instant: str, count: int) -> None:
    world.telegraf(host, [sample(instant, "app", units=count)], name=f"units-{instant[:10]}.json.gz")


def deliver(folder: Path, period: str) -> World:
    """What arrives until the month is closed, on top of what came for the months before."""
    world = World(folder)
    if period == "2026-01":
        _catalog(world)
        _units(world, "edge-01", "2026-01-10T12:00:00", 250)
        _units(world, "edge-02", "2026-01-10T12:00:00", 1000)
    if period == "2026-02":
        _units(world, "edge-01", "2026-01-25T12:00:00", 50)  # late usage of January
        world.cur(NORTH, "2026-01", bill("2026-01", **{ALPHA: "80.00"}), version="restated")  # January restated
        _units(world, "edge-01", "2026-02-10T12:00:00", 80)
        _units(world, "edge-02", "2026-02-10T12:00:00", 500)
    if period == "2026-03":
        # The price of care was 33 from February on, and gamma's account was zeta's.
        world.catalog("2026-03-05", charge_prices=_prices("33"), resource_owners=_owners(gamma_moves=True))
        _units(world, "edge-01", "2026-03-10T12:00:00", 20)
        _units(world, "edge-02", "2026-03-10T12:00:00", 100)
    return world.cur(NORTH, period, bill(period), version="first")
