"""Meters, plans, prices and subscriptions of the sample world. Rows of the catalog, nothing else."""

from __future__ import annotations

from datetime import date
from typing import Any

Row = dict[str, Any]

PRICE_CHANGE = date(2026, 2, 15)

METERS: list[Row] = [
    {
        "meter_id": meter_id,
        "resource_kind": "edge_server",
        "series": series,
        "sample_type": sample_type,
        "aggregation": aggregation,
        "unit": unit,
        "scale": scale,
    }
    for meter_id, series, sample_type, aggregation, unit, scale in (
        ("edge-requests", "http_requests", "counter", "sum", "request", "1"),
        ("edge-egress", "net_bytes_sent", "counter", "sum", "GB", "0.000000001"),
        ("edge-cpu", "cpu_seconds", "counter", "sum", "second", "1"),
        ("edge-memory", "mem_used_bytes", "gauge", "mean_time_weighted", "GB", "0.000000001"),
        ("edge-disk", "disk_used_bytes", "gauge", "sum", "GB-second", "0.000000001"),
    )
]

PLANS: list[Row] = [
    {"plan_id": plan, "name": name, "currency": currency}
    for plan, name, currency in (
        ("edge-basic", "Edge Basic", "USD"),
        ("edge-pro", "Edge Pro", "USD"),
        ("edge-advance", "Edge Prepaid Site", "USD"),
        ("edge-europe", "Edge Europe", "EUR"),
        ("edge-volume", "Edge Volume", "EUR"),
        ("edge-capacity", "Edge Capacity", "EUR"),
        ("edge-japan", "Edge Japan", "JPY"),
        ("edge-japan-plus", "Edge Japan Plus", "JPY"),
        ("edge-wholesale", "Edge Wholesale", "USD"),
        ("edge-evaluation", "Edge Evaluation", "USD"),
        ("edge-europe-evaluation", "Edge Europe Evaluation", "EUR"),
        ("edge-japan-evaluation", "Edge Japan Evaluation", "JPY"),
    )
]


def _charge(charge_id: str, plan: str, name: str, charge_type: str, model: str, **terms: Any) -> Row:
    row = {"charge_id": charge_id, "plan_id": plan, "name": name, "charge_type": charge_type, "charge_model": model}
    if charge_type == "recurring":
        row |= {"timing": "in_arrears", "interval": "month"}
    return row | {"tax_category": "standard"} | terms


PRICED: list[Row] = [
    _charge("basic-base", "edge-basic", "Base fee", "recurring", "flat"),
    _charge(
        "basic-requests", "edge-basic", "Requests", "usage", "per_unit",
        meter_id="edge-requests", included_quantity="10000000",
    ),
    _charge("pro-base", "edge-pro", "Base fee", "recurring", "flat"),
    _charge("pro-sites", "edge-pro", "Sites", "recurring", "per_unit"),
    _charge("pro-egress", "edge-pro", "Egress", "usage", "graduated", meter_id="edge-egress"),
    _charge("advance-base", "edge-advance", "Site, in advance", "recurring", "flat", timing="in_advance"),
    _charge("europe-base", "edge-europe", "Base fee", "recurring", "flat"),
    _charge("europe-requests", "edge-europe", "Requests", "usage", "graduated", meter_id="edge-requests"),
    _charge("volume-egress", "edge-volume", "Egress", "usage", "volume", meter_id="edge-egress"),
    _charge("capacity-memory", "edge-capacity", "Memory", "usage", "per_unit", meter_id="edge-memory"),
    _charge("capacity-disk", "edge-capacity", "Disk", "usage", "per_unit", meter_id="edge-disk"),
    _charge("japan-base", "edge-japan", "Base fee", "recurring", "flat"),
    _charge(
        "japan-egress", "edge-japan", "Egress", "usage", "per_unit",
        meter_id="edge-egress", included_quantity="50",
    ),
    _charge("japan-plus-base", "edge-japan-plus", "Base fee", "recurring", "flat"),
    _charge("japan-plus-cpu", "edge-japan-plus", "CPU", "usage", "per_unit", meter_id="edge-cpu"),
    _charge("wholesale-requests", "edge-wholesale", "Requests", "usage", "volume", meter_id="edge-requests"),
    _charge("wholesale-egress", "edge-wholesale", "Egress", "usage", "per_unit", meter_id="edge-egress"),
]  # fmt: skip

# What a plan measures but does not sell has a charge at price 0: a plan without one would be an omission that holds the
# close. Who evaluates, before a subscription begins or after it ends, pays nothing for anything.
INCLUDED: list[Row] = [
    _charge(f"{plan['plan_id'].removeprefix('edge-')}-{meter}-included", plan["plan_id"], f"{name}, included", "usage",
            "per_unit", meter_id=f"edge-{meter}")
    for plan in PLANS
    for meter, name in (("requests", "Requests"), ("egress", "Egress"), ("cpu", "CPU"), ("disk", "Disk"))
    if not any((row["plan_id"], row.get("meter_id")) == (plan["plan_id"], f"edge-{meter}") for row in PRICED)
]  # fmt: skip

CHARGES = PRICED + INCLUDED

CHARGE_PRICES: list[Row] = [
    {"charge_id": charge, "tier": 1, "unit_price": price} | terms
    for charge, price, terms in (
        ("basic-base", "49.00", {}),
        ("basic-requests", "0.0000021", {"valid_to": PRICE_CHANGE}),
        ("basic-requests", "0.0000023", {"valid_from": PRICE_CHANGE}),
        ("pro-base", "120.00", {}),
        ("pro-sites", "7.35", {}),
        ("pro-egress", "0.082", {"lower": "0", "upper": "250", "flat_fee": "4.00"}),
        ("pro-egress", "0.065", {"tier": 2, "lower": "250", "upper": "600", "flat_fee": "2.50"}),
        ("pro-egress", "0.051", {"tier": 3, "lower": "600"}),
        ("advance-base", "39.90", {}),
        ("europe-base", "55.00", {}),
        ("europe-requests", "0.0000031", {"lower": "0", "upper": "20000000"}),
        ("europe-requests", "0.0000024", {"tier": 2, "lower": "20000000", "upper": "60000000"}),
        ("europe-requests", "0.0000019", {"tier": 3, "lower": "60000000", "flat_fee": "10"}),
        ("volume-egress", "0.09", {"lower": "0", "upper": "500", "flat_fee": "12.00"}),
        ("volume-egress", "0.07", {"tier": 2, "lower": "500", "upper": "1000.5"}),
        ("volume-egress", "0.055", {"tier": 3, "lower": "1000.5", "flat_fee": "30.00"}),
        ("capacity-memory", "3.15", {}),
        ("capacity-disk", "0.0000004", {}),
        ("japan-base", "9800", {}),
        ("japan-egress", "11.5", {}),
        ("japan-plus-base", "14800", {}),
        ("japan-plus-cpu", "0.0075", {}),
        ("wholesale-requests", "0.0000011", {"lower": "0", "upper": "200000000"}),
        ("wholesale-requests", "0.0000009", {"tier": 2, "lower": "200000000"}),
        ("wholesale-egress", "0.031", {}),
        *((row["charge_id"], "0", {}) for row in INCLUDED),
    )
]


def _subscription(subscription_id: str, seller: str, buyer: str, plan: str, start: date, **terms: Any) -> Row:
    return {
        "subscription_id": subscription_id,
        "seller_id": seller,
        "buyer_id": buyer,
        "plan_id": plan,
        "quantity": "1",
        "billing_day": 1,
        "anchor": "calendar",
        "start_date": start,
    } | terms


_NEW_YEAR = date(2026, 1, 1)

# The first date is the catalog's; rows that begin later or carry a validity come with the second delivery.
SUBSCRIPTIONS: list[Row] = [
    _subscription("sub-apex", "atlas", "apex", "edge-pro", date(2025, 6, 1), quantity="3"),
    _subscription("sub-bluebird", "atlas", "bluebird", "edge-basic", _NEW_YEAR),
    _subscription("sub-cascade", "atlas", "cascade", "edge-basic", date(2026, 1, 12)),
    _subscription("sub-delta", "atlas", "delta-labs", "edge-pro", _NEW_YEAR, end_date=date(2026, 3, 20)),
    # A plan change on 10 March: the day belongs to the new plan.
    _subscription("sub-everest", "atlas", "everest", "edge-basic", _NEW_YEAR, valid_to=date(2026, 3, 10)),
    _subscription("sub-everest", "atlas", "everest", "edge-pro", _NEW_YEAR, valid_from=date(2026, 3, 10), quantity="2"),
    _subscription(
        "sub-foxglove-server", "atlas", "foxglove", "edge-pro", _NEW_YEAR,
        resource_kind="edge_server", resource_id="edge-07",
    ),
    _subscription("sub-granite", "atlas", "granite", "edge-advance", _NEW_YEAR, quantity="1"),
    _subscription(
        "sub-ibis", "atlas", "ibis", "edge-advance", date(2026, 1, 15), billing_day=15, anchor="anniversary",
    ),
    _subscription("sub-jura", "meridian", "jura", "edge-europe", _NEW_YEAR),
    _subscription("sub-jura-capacity", "meridian", "jura", "edge-capacity", _NEW_YEAR),
    _subscription("sub-kestrel", "meridian", "kestrel", "edge-volume", _NEW_YEAR),
    _subscription("sub-lindwurm", "meridian", "lindwurm", "edge-volume", _NEW_YEAR, end_date=date(2026, 2, 22)),
    _subscription(
        "sub-marais", "meridian", "marais", "edge-europe", date(2026, 1, 31), billing_day=31, anchor="anniversary",
    ),
    _subscription("sub-marais-capacity", "meridian", "marais", "edge-capacity", _NEW_YEAR),
    _subscription("sub-piemonte", "meridian", "piemonte", "edge-europe", date(2026, 2, 20)),
    _subscription("sub-rhone", "meridian", "rhone", "edge-volume", _NEW_YEAR),
    _subscription("sub-shirakaba", "sakura", "shirakaba", "edge-japan", _NEW_YEAR),
    _subscription("sub-tanuki", "sakura", "tanuki", "edge-japan-plus", _NEW_YEAR),
    _subscription("sub-umi", "sakura", "umi", "edge-japan", date(2026, 1, 20)),
    _subscription("sub-vega", "sakura", "vega", "edge-japan", _NEW_YEAR),
    _subscription("sub-wakaba", "sakura", "wakaba", "edge-japan", date(2026, 2, 27)),
    _subscription("sub-yuzu", "sakura", "yuzu", "edge-japan", _NEW_YEAR),
    _subscription(
        "sub-cascade-evaluation", "atlas", "cascade", "edge-evaluation", _NEW_YEAR, end_date=date(2026, 1, 11),
    ),
    _subscription("sub-delta-evaluation", "atlas", "delta-labs", "edge-evaluation", date(2026, 3, 21)),
    _subscription("sub-lindwurm-evaluation", "meridian", "lindwurm", "edge-europe-evaluation", date(2026, 2, 23)),
    _subscription(
        "sub-marais-evaluation", "meridian", "marais", "edge-europe-evaluation", _NEW_YEAR, end_date=date(2026, 1, 30),
    ),
    _subscription(
        "sub-piemonte-evaluation", "meridian", "piemonte", "edge-europe-evaluation", _NEW_YEAR,
        end_date=date(2026, 2, 19),
    ),
    _subscription(
        "sub-umi-evaluation", "sakura", "umi", "edge-japan-evaluation", _NEW_YEAR, end_date=date(2026, 1, 19),
    ),
    _subscription(
        "sub-wakaba-evaluation", "sakura", "wakaba", "edge-japan-evaluation", _NEW_YEAR, end_date=date(2026, 2, 26),
    ),
    _subscription("sub-wholesale-atlas", "nordwind", "atlas", "edge-wholesale", _NEW_YEAR),
    _subscription("sub-wholesale-meridian", "nordwind", "meridian", "edge-wholesale", _NEW_YEAR),
    _subscription("sub-wholesale-sakura", "nordwind", "sakura", "edge-wholesale", _NEW_YEAR),
]  # fmt: skip
