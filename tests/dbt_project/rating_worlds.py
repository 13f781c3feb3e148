"""A world to rate (catalog, costs, usage), as dbt gets it and as the reference of rating_reference.py rates it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tests.dbt_project import rating_reference as reference

MONTHS = [date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)]
CURRENCIES = ["USD", "EUR", "JPY"]
VIEWS = ["billed", "effective", "owner"]
OPEN, EVER = date(9999, 12, 31), date(1900, 1, 1)
ZERO = Decimal(0)
# Every pair has a rate in every month but one: dollars into yen in March.
RATES = {
    (source, target, month): Decimal(f"{1 + 0.1 * left - 0.07 * right + 0.01 * month.month:.4f}")
    for left, source in enumerate(CURRENCIES)
    for right, target in enumerate(CURRENCIES)
    for month in MONTHS
    if source != target and not (source == "USD" and target == "JPY" and month == MONTHS[2])
}

COST_COLUMNS = {
    "billing_period": "date", "service_period": "date", "charge_date": "date", "payer_account_id": "varchar",
    "sub_account_id": "varchar", "assigned_by": "varchar", "vendor": "varchar", "service_name": "varchar",
    "sku_id": "varchar", "charge_category": "varchar", "component": "varchar", "commitment_discount_id": "varchar",
    "cost_view": "varchar", "quantity": "decimal(38,18)", "pricing_unit": "varchar", "list_cost": "decimal(38,18)",
    "amount": "decimal(38,18)", "currency": "varchar",
}  # fmt: skip
USAGE_COLUMNS = {
    "billing_period": "date", "service_period": "date", "meter_id": "varchar", "resource_kind": "varchar",
    "resource_id": "varchar", "dimension_value": "varchar", "usage_date": "date", "owner_party_id": "varchar",
    "quantity": "decimal(38,12)", "period_quantity": "decimal(38,12)", "unit": "varchar", "sample_count": "bigint",
}  # fmt: skip
EVENT_COLUMNS = {
    "billing_period": "date", "meter_id": "varchar", "resource_kind": "varchar", "resource_id": "varchar",
    "dimension_value": "varchar", "usage_date": "date", "owner_party_id": "varchar", "aggregation": "varchar",
    "occurred_at": "timestamp", "record_id": "varchar", "group_id": "varchar", "quantity": "decimal(38,12)",
    "event_amount": "decimal(38,12)", "remaining_seconds": "decimal(24,6)", "period_seconds": "decimal(24,6)",
    "value": "decimal(38,12)", "api_id": "varchar", "provider_id": "varchar", "application_id": "varchar",
    "consumer_id": "varchar",
}  # fmt: skip
UNREAD_COLUMNS = {
    "billing_period": "date", "type": "varchar", "resource_kind": "varchar", "resource_id": "varchar",
    "seller_id": "varchar", "owner_party_id": "varchar", "meter_id": "varchar", "reason": "varchar",
    "label_key": "varchar", "events": "bigint",
}  # fmt: skip
BORROWED_COLUMNS = {
    "billing_period": "date", "payer_account_id": "varchar", "from_account_id": "varchar", "service_name": "varchar",
    "sku_id": "varchar", "pricing_unit": "varchar", "quantity": "decimal(38,18)", "effective_cost": "decimal(38,18)",
    "currency": "varchar", "lines_without_price": "bigint", "vendor": "varchar",
}  # fmt: skip
GROUP_COLUMNS = {
    "billing_period": "date", "payer_account_id": "varchar", "currency": "varchar",
    "billed_cost": "decimal(38,18)", "effective_cost": "decimal(38,18)",
}  # fmt: skip
TOTAL_COLUMNS = {
    "billing_period": "date", "payer_account_id": "varchar", "source": "varchar", "delivery_id": "varchar",
}  # fmt: skip


@dataclass
class World:
    parties: list[dict[str, Any]] = field(default_factory=list)
    agreements: list[dict[str, Any]] = field(default_factory=list)
    payers: list[dict[str, Any]] = field(default_factory=list)
    owners: list[dict[str, Any]] = field(default_factory=list)
    rules: list[dict[str, Any]] = field(default_factory=list)
    plans: list[dict[str, Any]] = field(default_factory=list)
    charges: list[dict[str, Any]] = field(default_factory=list)
    prices: list[dict[str, Any]] = field(default_factory=list)
    subscriptions: list[dict[str, Any]] = field(default_factory=list)
    costs: list[dict[str, Any]] = field(default_factory=list)
    usage: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    # -- What dbt gets ------------------------------------------------------------------------------------------------

    def lake_rows(self) -> dict[str, list[dict[str, Any]]]:
        catalog: dict[str, list[dict[str, Any]]] = {
            "catalog__parties": self.parties,
            "catalog__agreements": self.agreements,
            "catalog__payers": self.payers,
            "catalog__resource_owners": self.owners,
            "catalog__price_rules": self.rules,
            "catalog__plans": self.plans,
            "catalog__plan_charges": self.charges,
            "catalog__charge_prices": [
                {**{k: v for k, v in version.items() if k != "tiers"}, **tier}
                for version in self.prices
                for tier in version["tiers"]
            ],
            "catalog__subscriptions": self.subscriptions,
            "catalog__fx_rates": [
                {
                    "from_currency": source,
                    "to_currency": target,
                    "period": f"{month:%Y-%m}",
                    "rate": rate,
                    "source": "ECB",
                }
                for (source, target, month), rate in RATES.items()
            ],
            "catalog__tax_rates": [{"kind": "standard", "rate": "0.19"}],
        }
        for rows in catalog.values():
            for row in rows:
                row["recorded_at"] = "2026-01-01"
        months = [
            {"time_zone": "UTC", "billing_period": month, "starts_at": month, "ends_at": reference.add_months(month, 1)}
            for month in MONTHS
        ]
        currencies = [{"currency": name, "minor_unit": 0 if name == "JPY" else 2} for name in CURRENCIES]
        totals = [
            {
                "source": "aws_cur", "table_name": "line_items", "account": line["payer_account_id"],
                "currency": line["currency"],
                "billing_period": line["billing_period"], "amount_delivered": line["billed_cost"],
                "amount_landed": line["billed_cost"], "amount_quarantined": 0, "is_current": True,
            }
            for line in self.bill_groups()
        ]  # fmt: skip
        return {**catalog, "months": months, "currencies": currencies, "delivery_totals": totals}

    def bill_groups(self) -> list[dict[str, Any]]:
        """One group of lines per payer and month: what the bill says, and what the view it is resold in comes to."""
        roles = {party["party_id"]: party["role"] for party in self.parties}
        views = self.payer_views(roles, {payer["payer_id"]: payer["party_id"] for payer in self.payers})
        lines = []
        for (payer, month), view in views.items():
            costs = [c for c in self.costs if c["payer_account_id"] == payer and c["billing_period"] == month]
            if not costs:
                continue
            billed, resold = (
                sum((Decimal(c["amount"]) for c in costs if c["cost_view"] == name), ZERO) for name in ("billed", view)
            )
            lines.append(
                {
                    "billing_period": month, "payer_account_id": payer, "currency": costs[0]["currency"],
                    "billed_cost": billed, "effective_cost": resold,
                }
            )  # fmt: skip
        return lines

    def bill_totals(self) -> list[dict[str, Any]]:
        """Where those payers come from: AWS's own reports, a delivery each."""
        return [group | {"source": "aws_cur", "delivery_id": group["payer_account_id"]} for group in self.bill_groups()]

    def given_marts(self) -> list[str]:
        return ["create schema if not exists intermediate"] + [
            f"create table {name} ({', '.join(f'{column} {kind}' for column, kind in columns.items())})"
            for name, columns in (
                ("main.fct_account_costs", COST_COLUMNS),
                ("main.fct_metered_usage", USAGE_COLUMNS),
                ("intermediate.int_allocation__bill_grouped", GROUP_COLUMNS),
                ("intermediate.int_allocation__bill_totaled", TOTAL_COLUMNS),
                ("intermediate.int_metering__events_metered", EVENT_COLUMNS),
                ("intermediate.int_metering__events_unread", UNREAD_COLUMNS),
                ("intermediate.int_allocation__commitments_borrowed", BORROWED_COLUMNS),
            )
        ]

    def fill_marts(self, warehouse: Any) -> None:
        with warehouse.connect() as connection:
            for name, columns, rows in (
                ("main.fct_account_costs", COST_COLUMNS, self.costs),
                ("main.fct_metered_usage", USAGE_COLUMNS, self.usage),
                ("intermediate.int_allocation__bill_grouped", GROUP_COLUMNS, self.bill_groups()),
                ("intermediate.int_allocation__bill_totaled", TOTAL_COLUMNS, self.bill_totals()),
                ("intermediate.int_metering__events_metered", EVENT_COLUMNS, self.events),
            ):
                if not rows:
                    continue
                marks = ", ".join(f"cast(? as {kind})" for kind in columns.values())
                connection.execute("begin")
                connection.executemany(
                    f"insert into {name} values ({marks})",
                    [[None if row.get(c) is None else str(row[c]) for c in columns] for row in rows],
                )
                connection.execute("commit")

    # -- What the reference says: chains ------------------------------------------------------------------------------

    def segments(self) -> list[date]:
        catalog = (*self.agreements, *self.payers, *self.owners, *self.rules)
        return sorted({row[name] for row in catalog for name in ("valid_from", "valid_to")})

    def grouped_costs(self) -> Iterable[dict[str, Any]]:
        """Costs as they are priced: one per segment between two changes of the catalog."""
        changes = self.segments()
        groups: dict[tuple[Any, ...], dict[str, Any]] = {}
        for cost in self.costs:
            segment = max(change for change in changes if change <= cost["charge_date"])
            names = ("billing_period", "payer_account_id", "sub_account_id", "vendor", "service_name", "sku_id",
                     "charge_category", "cost_view", "currency")  # fmt: skip
            key = (segment, cost["list_cost"] is None, *(cost[name] for name in names))
            group = groups.setdefault(
                key,
                {**{name: cost[name] for name in names}, "segment": segment, "quantity": ZERO, "amount": ZERO,
                 "list_cost": None if cost["list_cost"] is None else ZERO},
            )  # fmt: skip
            group["quantity"] += cost["quantity"]
            group["amount"] += cost["amount"]
            if cost["list_cost"] is not None:
                group["list_cost"] += cost["list_cost"]
        return groups.values()

    def rate_into(self, edge: dict[str, Any], currency: str, month: date) -> Decimal | None:
        if edge["currency"] == currency:
            return Decimal(1)
        if edge["fx_fixed_rate"] is not None:
            return edge["fx_fixed_rate"]
        return RATES.get((currency, edge["currency"], month))

    def walk_chains(
        self,
        charged: dict[tuple[Any, ...], list[Decimal]],
        unrated: dict[tuple[Any, ...], Decimal] | None = None,
        resold: dict[tuple[Any, ...], Decimal] | None = None,
    ) -> None:
        unrated = defaultdict(Decimal) if unrated is None else unrated
        resold = defaultdict(Decimal) if resold is None else resold
        roles = {party["party_id"]: party["role"] for party in self.parties}
        roots = {payer["payer_id"]: payer["party_id"] for payer in self.payers}
        views = self.payer_views(roles, roots)
        for cost in self.grouped_costs():
            month, day, root = cost["billing_period"], cost["segment"], roots[cost["payer_account_id"]]
            account = cost["sub_account_id"]
            owner = next(
                (o["party_id"] for o in self.owners if o["resource_id"] == account and reference.valid(o, day)),
                None,
            )
            key = "/".join(["aws", account, cost["service_name"], cost["sku_id"], cost["charge_category"]])
            if owner == root:
                continue
            edges = reference.chain(self.agreements, roles, root, owner, "aws", day) if owner else []
            if not edges:
                if cost["cost_view"] == views[cost["payer_account_id"], month]:
                    unrated[month, "no_agreement" if owner else "unassigned", account] += reference.exact(
                        cost["amount"]
                    )
                continue
            vendor_edge = reference.edge_to(self.agreements, root, "aws", day)
            above = vendor_edge["cost_view"] if vendor_edge else edges[0]["cost_view"]
            if cost["cost_view"] not in {above, *(edge["cost_view"] for edge in edges)}:
                continue
            amount, currency = reference.exact(cost["amount"]), cost["currency"]
            listed = None if cost["list_cost"] is None else reference.exact(cost["list_cost"])
            for edge in edges:
                rule = reference.rule_for(self.rules, edge["agreement_id"], day, cost)
                if cost["charge_category"] == "Tax" and (rule is None or rule["kind"] != "pass_through"):
                    break
                rate = self.rate_into(edge, currency, month)
                if rate is None:
                    if cost["cost_view"] == above:
                        unrated[month, "missing_fx_rate", account] += amount
                    break
                if edge is edges[0] and cost["cost_view"] == above:
                    resold[month, currency] += amount
                upstream = reference.times(amount, rate)
                listed = None if listed is None else reference.times(listed, rate)
                amount = reference.step(rule, cost, upstream, listed)
                currency = edge["currency"]
                if cost["cost_view"] in (edge["cost_view"], above):
                    row = charged[month, edge["agreement_id"], key]
                    if cost["cost_view"] == edge["cost_view"]:
                        row[0] += amount
                        row[2] += cost["quantity"]
                    if cost["cost_view"] == above:
                        row[1] += upstream
                above = edge["cost_view"]

    def payer_views(self, roles: dict[str, str], roots: dict[str, str]) -> dict[tuple[str, date], str]:
        """The view a payer's bill is resold in: every payer of these worlds has a vendor's edge or one top view."""
        views = {}
        for payer, root in roots.items():
            for month in MONTHS:
                edges = [e for e in self.agreements if root == e["buyer_id"] and roles[e["seller_id"]] == "vendor"]
                below = [e for e in self.agreements if root == e["seller_id"]]
                views[payer, month] = (edges or below)[0]["cost_view"]
        return views

    def resold_cost(self) -> dict[tuple[Any, ...], Decimal]:
        resold: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
        self.walk_chains(defaultdict(lambda: [ZERO, ZERO, ZERO]), None, resold)
        return {key: amount for key, amount in resold.items() if amount}

    # -- What the reference says: plans -------------------------------------------------------------------------------

    def plan_rate(self, charge: dict[str, Any], month: date) -> Decimal | None:
        plan = next(plan for plan in self.plans if plan["plan_id"] == charge["plan_id"])
        edge = next(e for e in self.agreements if e["agreement_id"] == f"{charge['charge_id'].split('-')[0]}-edge")
        return self.rate_into(edge, plan["currency"], month)

    def priced_in(self, charge: dict[str, Any], month: date) -> list[dict[str, Any]] | None:
        """The charge's price versions in its edge's currency; None without a rate."""
        rate = self.plan_rate(charge, month)
        if rate is None:
            return None
        return [
            {
                **version,
                "tiers": [
                    {
                        **tier,
                        "unit_price": reference.times(tier["unit_price"], rate),
                        "flat_fee": reference.times(tier["flat_fee"], rate),
                    }
                    for tier in version["tiers"]
                ],
            }
            for version in self.prices
            if version["charge_id"] == charge["charge_id"]
        ]

    def usage_cases(
        self, prefix: str = ""
    ) -> Iterable[tuple[dict[str, Any], dict[str, Any], date, list[dict[str, Any]]]]:
        for charge in self.charges:
            if charge["charge_type"] == "usage" and charge["charge_id"].startswith(prefix):
                subscription = next(s for s in self.subscriptions if s["plan_id"] == charge["plan_id"])
                for month in MONTHS:
                    rows = [
                        u for u in self.usage if u["meter_id"] == charge["meter_id"] and u["billing_period"] == month
                    ]
                    yield charge, subscription, month, rows

    def rate_usage(self) -> dict[tuple[date, str], tuple[Decimal, Decimal, Decimal]]:
        rated = {}
        for charge, subscription, month, rows in self.usage_cases("u"):
            prices = self.priced_in(charge, month)
            first_live = max(subscription["start_date"], month)
            last_live = min(subscription["end_date"], reference.add_months(month, 1) - timedelta(days=1))
            if prices is None or charge["prorate_units"] or first_live > last_live:
                continue
            worth = "quantity" if charge["window"] == "day" else "period_quantity"
            days: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
            for row in rows:
                if (
                    row["owner_party_id"] != "unassigned"
                    and subscription["start_date"] <= row["usage_date"] <= last_live
                ):
                    version = self.version_on(prices, row["usage_date"], row["dimension_value"])
                    if version:
                        days[row["usage_date"], version["dimension_value"] or "ANY"] += row[worth]
            used, free, paid = ZERO, ZERO, ZERO
            windows: dict[tuple[Any, str], list[tuple[date, Decimal, dict[str, Any]]]] = defaultdict(list)
            for (day, dimension), quantity in sorted(days.items()):
                included = charge["included_quantity"] or ZERO
                freed = min(max(used + quantity, ZERO), included) - min(max(used, ZERO), included)
                used, free, paid = used + quantity, free + freed, paid + quantity - freed
                version = self.version_on(prices, day, None if dimension == "ANY" else dimension)
                window = day if charge["window"] == "day" else month
                windows[window, dimension].append((day, quantity - freed, version))
            amounts: dict[str, Decimal] = defaultdict(Decimal)
            for name in {name for _, name in windows}:
                units: dict[tuple[date, int, Decimal], Decimal] = defaultdict(Decimal)
                for (_, dimension), window in windows.items():
                    if dimension == name:
                        amounts[name] += reference.fill_window(charge["charge_model"], window, units)
                amounts[name] += sum((reference.times(total, price) for (_, _, price), total in units.items()), ZERO)
            for dimension in {version["dimension_value"] or "ANY" for version in prices}:
                filled = [w for (_, name), w in windows.items() if name == dimension]
                if not any(sum(quantity for _, quantity, _ in window) > 0 for window in filled):
                    tier_one = next(
                        (
                            version["tiers"][0]
                            for version in prices
                            if (version["dimension_value"] or "ANY") == dimension
                            and reference.valid(version, first_live)
                        ),
                        None,
                    )
                    model = charge["charge_model"]
                    has_fee = model in ("graduated", "volume", "stairstep")
                    if has_fee and tier_one and reference.fee_at_zero(model, tier_one):
                        amounts[dimension] += tier_one["flat_fee"]
            amount = sum((a - reference.times(a, charge["discount"] or ZERO) for a in amounts.values()), ZERO)
            days, of_days = (last_live - first_live).days + 1, (reference.add_months(month, 1) - month).days
            amount = reference.within_limits(charge, amount, self.plan_rate(charge, month), days, of_days)
            if amount or free or paid:
                rated[month, charge["charge_id"]] = (amount, free, paid)
        return rated

    @staticmethod
    def version_on(prices: list[dict[str, Any]], day: date, dimension: str | None) -> dict[str, Any] | None:
        fitting = [p for p in prices if p["dimension_value"] in (None, dimension) and reference.valid(p, day)]
        return max(fitting, key=lambda version: version["dimension_value"] is not None, default=None)

    def unrated_usage(self) -> dict[tuple[date, str, str], Decimal]:
        unrated: dict[tuple[date, str, str], Decimal] = defaultdict(Decimal)
        for charge, subscription, month, rows in self.usage_cases():
            prices = self.priced_in(charge, month)
            for row in rows:
                covered = subscription["start_date"] <= row["usage_date"] <= subscription["end_date"]
                versions = [p for p in self.prices if p["charge_id"] == charge["charge_id"]]
                if row["owner_party_id"] == "unassigned":
                    reason = "unassigned"
                elif not covered:
                    reason = "no_subscription"
                elif charge["prorate_units"] and charge["charge_model"] == "stairstep":
                    reason = "model_not_supported"
                elif self.version_on(versions, row["usage_date"], row["dimension_value"]) is None:
                    reason = "price_gap"
                elif prices is None:
                    reason = "missing_fx_rate"
                else:
                    continue
                unrated[month, charge["meter_id"], reason] += row["period_quantity"]
        return {key: quantity for key, quantity in unrated.items() if quantity}

    def rate_recurring(self) -> dict[tuple[date, str], Decimal]:
        rated: dict[tuple[date, str], Decimal] = {}
        for charge in self.charges:
            if charge["charge_type"] != "recurring":
                continue
            case = charge["charge_id"].split("-")[0]
            versions = [s for s in self.subscriptions if s["subscription_id"] == f"{case}-sub"]
            edge = next(e for e in self.agreements if e["agreement_id"] == f"{case}-edge")
            trial = next(plan for plan in self.plans if plan["plan_id"] == charge["plan_id"])["trial_days"]
            for month in MONTHS:
                prices = self.priced_in(charge, month)
                if prices is not None:
                    policy = charge["proration"] or edge["proration"]
                    rate = self.plan_rate(charge, month)
                    amounts = reference.recurring(charge, versions, prices, policy, trial, [month], rate)
                    amount = amounts.get(month, ZERO)
                    if amount:
                        rated[month, charge["charge_id"]] = amount
        return rated
