"""The waterfall behind one invoice line, by keys in the marts (money.md section 11). Only selects; nothing is computed.

line -> rated charge -> edges above -> allocated cost -> vendor lines        -> delivered files
                     -> metered usage                 -> samples or events   -> delivered files
                     -> commitment or adjustment      -> charges of its scope in its term
correction           -> the line it corrects, the reason and the inputs before and after
corrected or voided  -> what was billed for the charge since: with the line it is what is rated now, to the last decimal
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import duckdb

from orchestration.tables import Row, among, rows


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the walk; `rows` are the first of `total`."""

    name: str
    rows: list[Row]
    total: int


# An agreement that was put right is another edge: what it billed to whom before says nothing of what it bills now.
_OF_EDGE = "service_period = ? and agreement_id = ? and seller_id = ? and buyer_id = ? and currency = ?"
_OF_KEY = f"{_OF_EDGE} and charge_key = ?"


class Walk:
    """Collects steps; each is one query whose rows are counted and shown up to a limit."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, limit: int) -> None:
        self.connection, self.limit = connection, limit
        self.steps: list[Step] = []

    def step(self, name: str, query: str, *parameters: Any) -> list[Row]:
        found = rows(self.connection, query, parameters)
        self.steps.append(Step(name, found[: self.limit], len(found)))
        return found

    def step_if_any(self, name: str, query: str, *parameters: Any) -> None:
        if not self.step(name, query, *parameters):
            self.steps.pop()


def explained(connection: duckdb.DuckDBPyConnection, line_id: str, limit: int = 10) -> list[Step]:
    """The steps behind a line; none where there is no such line."""
    walk = Walk(connection, limit)
    found = walk.step("invoice line", "select * from fct_invoice_lines where line_id = ?", line_id)
    if not found:
        return []
    line = found[0]
    key = [line[name] for name in ("service_period", "agreement_id", "seller_id", "buyer_id", "currency", "charge_key")]
    if line["corrects_line_id"]:
        walk.step("corrects", "select * from fct_invoice_lines where line_id = ?", line["corrects_line_id"])
    if line["charge_class"] == "Correction":
        walk.step(
            "why it is corrected",
            "select reason, why, inputs_before, inputs_after from fct_restatements where line_id = ?",
            line_id,
        )
    if line["status"] == "issued" and not line["corrects_line_id"]:
        walk.step_if_any(
            "billed for the charge since",
            "select line_id, status, invoice_period, exact_amount, amount from fct_invoice_lines"
            f" where {_OF_KEY} and line_id <> ? order by status desc, invoice_period, line_id",
            *key,
            line_id,
        )
    charges = walk.step(
        "rated charges",
        f"select * from fct_rated_charges where {_OF_KEY} order by all",
        *key,
    )
    if "/rounding/" in line["charge_key"] and not charges:
        walk.step(
            "lines it rounds",
            "select line_id, charge_key, exact_amount, amount from fct_invoice_lines"
            f" where {_OF_EDGE} order by line_id",
            *key[:-1],
        )
    elif any(charge["commitment_id"] or charge["adjustment_id"] for charge in charges):
        _commitment(walk, charges)
    elif any(charge["account_id"] for charge in charges):
        _cloud(walk, charges)
    elif charges:
        _usage(walk, charges)
    return walk.steps


def _commitment(walk: Walk, charges: Sequence[Row]) -> None:
    """From a true-up, cut, draw or coupon to what the catalog says of it and the charges of its scope in the term."""
    charge = charges[0]
    commitment_id, adjustment_id = charge["commitment_id"], charge["adjustment_id"]
    table = "commitments" if commitment_id else "adjustments"
    walk.step(
        "commitment" if commitment_id else "adjustment",
        f"select * from staging.stg_catalog__{table} where {table[:-1]}_id = ?",
        commitment_id or adjustment_id,
    )
    settled = walk.step(
        "how it was settled",
        "select * from intermediate.int_rating__commitments_settled where service_period = ? and charge_key = ?"
        " and agreement_id = ?",
        charge["service_period"],
        charge["charge_key"],
        charge["agreement_id"],
    )
    if settled:
        walk.step(
            "charges of its scope, in its term so far",
            "select service_period, charge_key, component, amount, currency from fct_rated_charges"
            " where service_period between date_trunc('month', cast(? as date)) and ? and currency = ?"
            " and case when ? is not null then subscription_id = ? else agreement_id = ? end"
            " and (? is null or charge_id = ?) and not is_vendor_edge order by all",
            settled[0]["term_start"],
            charge["service_period"],
            charge["currency"],
            *[charge["subscription_id"]] * 2,
            charge["agreement_id"],
            *[charge["charge_id"]] * 2,
        )


def _cloud(walk: Walk, charges: Sequence[Row]) -> None:
    """From a resold cost up the chain to the vendor's lines."""
    charge = charges[0]
    consumers = sorted({each["consumer_id"] for each in charges})
    walk.step(
        "edges above, from the vendor down",
        "select seller_id, buyer_id, agreement_id, upstream_amount, price_kind, price_rule_id, fx_rate, amount,"
        " currency"
        f" from fct_rated_charges where service_period = ? and charge_key = ? and consumer_id in {among(consumers)}"
        " order by is_vendor_edge desc, upstream_amount, agreement_id",
        charge["service_period"],
        charge["charge_key"],
        *consumers,
    )
    # An account's days and parts (what a tag or cost category gives away) may have different owners under one key.
    of_key = (
        "billing_period = ? and payer_account_id = ? and {account} = ? and service_name = ? and sku_id = ?"
        " and charge_category = ?"
    )
    names = ("billing_period", "payer_account_id", "account_id", "service_name", "sku_id", "charge_category")
    key = [charge[name] for name in names]
    parts = (
        "parts as (select assigned_by, first_date, last_date from intermediate.int_rating__costs_assigned"
        f" where {of_key.format(account='account_id')} and owner_party_id in {among(consumers)})"
    )
    walk.step(
        "allocated cost",
        f"with {parts} select costs.assigned_by, costs.cost_view, costs.component, costs.charge_date, costs.quantity,"
        " costs.amount, costs.currency, costs.commitment_discount_id"
        f" from (select * from fct_account_costs where {of_key.format(account='sub_account_id')}) as costs"
        " join dim_agreement as agreements on costs.cost_view = agreements.cost_view"
        " where agreements.agreement_id = ? and costs.amount <> 0"
        " and exists (select 1 from parts where parts.assigned_by = costs.assigned_by"
        " and costs.charge_date between parts.first_date and parts.last_date)"
        " order by costs.charge_date, costs.assigned_by, costs.component",
        *key,
        *consumers,
        *key,
        charge["agreement_id"],
    )
    _files(
        walk,
        "vendor lines",
        f"with {parts} select lines.source_file, lines.source_row, lines.delivery_id, lines.charge_period_start,"
        " lines.charge_description, lines.consumed_quantity, lines.billed_cost, lines.effective_cost,"
        " lines.billing_currency from (select * from fct_cost_and_usage"
        f" where {of_key.format(account='sub_account_id')}) as lines"
        " left join intermediate.int_allocation__tags_assigned as tags"
        " on lines.billing_period = tags.billing_period and coalesce(lines.tags, '') = tags.tags"
        " and coalesce(lines.x_cost_categories, '') = tags.cost_categories"
        " and lines.x_charge_date >= tags.valid_from and lines.x_charge_date < tags.valid_to"
        " and not (lines.charge_category = 'Purchase' and (lines.commitment_discount_id is not null"
        " or coalesce(lines.commitment_discount_status, '-') = 'Unused'))"
        f" where coalesce(tags.party_id, 'unassigned') in {among(consumers)} and tags.assigned_by is not null"
        " or tags.assigned_by is null and exists (select 1 from parts where parts.assigned_by = '-'"
        " and lines.x_charge_date between parts.first_date and parts.last_date)"
        " order by lines.source_file, lines.source_row",
        *key,
        *consumers,
        *key,
        *consumers,
    )


def _usage(walk: Walk, charges: Sequence[Row]) -> None:
    """From a plan's charge to what was metered; a recurring charge ends at its subscription and price."""
    charge = charges[0]
    plan = walk.step(
        "subscription and charge",
        "select subscriptions.subscription_id, subscriptions.plan_id, subscriptions.quantity,"
        " subscriptions.resource_kind, subscriptions.resource_id, charges.* exclude (plan_id)"
        " from staging.stg_catalog__subscriptions as subscriptions"
        " join staging.stg_catalog__plan_charges as charges on subscriptions.plan_id = charges.plan_id"
        " where subscriptions.subscription_id = ? and charges.charge_id = ?",
        charge["subscription_id"],
        charge["charge_id"],
    )
    walk.step(
        "prices",
        "select * from staging.stg_catalog__charge_prices where charge_id = ? order by valid_from, tier",
        charge["charge_id"],
    )
    if not plan or not plan[0]["meter_id"]:
        return
    metered = walk.step(
        "metered usage",
        "select usage_date, resource_kind, resource_id, dimension_value, owner_party_id, quantity, unit"
        " from fct_metered_usage where billing_period = ? and meter_id = ?"
        " and (resource_id = ? or (? = 'ANY' and owner_party_id = ?)) order by all",
        charge["billing_period"],
        plan[0]["meter_id"],
        plan[0]["resource_id"],
        plan[0]["resource_id"],
        charge["buyer_id"],
    )
    if not metered:
        return
    resources = sorted({row["resource_id"] for row in metered})
    is_by_event = walk.connection.execute(
        "select count(*) from intermediate.int_metering__events_metered where billing_period = ? and meter_id = ?"
        f" and resource_id in {among(resources)}",
        [charge["billing_period"], plan[0]["meter_id"], *resources],
    ).fetchone()
    if is_by_event and is_by_event[0]:
        # What an event says of persons is in its file; here it has its id.
        _files(
            walk,
            "events",
            "select delivered.source_file, delivered.source_row, delivered.delivery_id, events.record_id,"
            " events.resource_id, events.occurred_at, events.quantity"
            " from intermediate.int_metering__events_metered as events"
            " join (select source || '/' || event_id as record_id, occurred_at, source_file, source_row, delivery_id"
            " from lake.cloudevents__events union all"
            " select 'wso2/' || event_id as record_id, occurred_at, source_file, source_row, delivery_id"
            " from lake.wso2__events) as delivered"
            " on delivered.record_id = events.record_id and delivered.occurred_at = events.occurred_at"
            " where events.billing_period = ? and events.meter_id = ?"
            f" and events.resource_id in {among(resources)}"
            " order by events.occurred_at, delivered.source_file, delivered.source_row",
            charge["billing_period"],
            plan[0]["meter_id"],
            *resources,
        )
        return
    # A day's usage of the seller's zone may hold samples of the neighbouring UTC days; a counter's step needs the
    # sample before it.
    days = [row["usage_date"] for row in metered]
    _files(
        walk,
        "samples",
        "select samples.source_file, samples.source_row, samples.delivery_id, samples.source, samples.series,"
        " samples.sampled_at, samples.value from intermediate.int_metering__samples_told as samples"
        " join staging.stg_catalog__meters as meters on meters.meter_id = ?"
        " and samples.subject_kind in ('ANY', meters.resource_kind)"
        " and translate(samples.series, '.-/', '___') = translate(meters.series, '.-/', '___')"
        f" where samples.source in {among(resources)} and samples.sampled_at >= ? and samples.sampled_at < ?"
        " order by samples.sampled_at, samples.source_file, samples.source_row",
        plan[0]["meter_id"],
        *resources,
        min(days) - timedelta(days=1),
        max(days) + timedelta(days=2),
    )


def _files(walk: Walk, name: str, query: str, *parameters: Any) -> None:
    """Rows as delivered, then the files they lie in."""
    found = walk.step(name, query, *parameters)
    deliveries = sorted({row["delivery_id"] for row in found})
    files = sorted({row["source_file"] for row in found})
    walk.step(
        "delivered files",
        "select delivery_id, uri, sha256, received_at, rows_in, contract_version from deliveries"
        f" where delivery_id in {among(deliveries)} and uri in {among(files)} order by uri",
        *deliveries,
        *files,
    )
