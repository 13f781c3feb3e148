"""The close gate: may a seller's month be issued? Each gate says yes or no, with its figures.

Reads marts and the ledger, changes nothing. The counting stands here, amounts come from marts. A gate that says no can
be waived by name and with a reason, which the ledger keeps; those that guard the ledger itself, or a missing tax rate,
cannot: nothing would make their invoices right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import duckdb

from invoicing.ledger import Head, Ledger

NOT_WAIVABLE = frozenset({"months_in_order", "month_up_to_date", "tax", "numbering"})


@dataclass(frozen=True, slots=True)
class Month:
    """What is asked about: a seller's month, and what the caller knows of it."""

    seller_id: str
    period: date  # first of the month
    now: datetime  # UTC, without zone
    stale: Mapping[str, str]  # period -> why it must be made again; "" where nothing changed
    done: Sequence[str]  # periods that are materialised
    failed_checks: Sequence[str]  # blocking checks that said no when they were run again just now
    quarantine_threshold: float  # share of the month's rows
    ledger: Ledger
    head: Head

    @property
    def text(self) -> str:
        return f"{self.period:%Y-%m}"


@dataclass(frozen=True, slots=True)
class Gate:
    name: str
    passed: bool
    detail: str  # the answer in words
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def waivable(self) -> bool:
        return self.name not in NOT_WAIVABLE


def examine(connection: duckdb.DuckDBPyConnection, month: Month) -> list[Gate]:
    """Every gate's answer, in a fixed order."""
    return [Gate(name, *ask(connection, month)) for name, ask in _GATES.items()]


def names() -> list[str]:
    return list(_GATES)


Answer = tuple[bool, str, dict[str, Any]]


def _rows(connection: duckdb.DuckDBPyConnection, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    return connection.execute(query, list(parameters)).fetchall()


def _ends_at(connection: duckdb.DuckDBPyConnection, month: Month) -> datetime | None:
    """The month's end in the seller's time zone, as UTC; None for a month that has not begun."""
    found = _rows(
        connection,
        "select months.ends_at from staging.stg_catalog__parties as parties join lake.months as months"
        " on months.time_zone = coalesce(parties.time_zone, 'UTC') where parties.party_id = ? and billing_period = ?",
        month.seller_id,
        month.period,
    )
    return found[0][0] if found else None


def _period_over(connection: duckdb.DuckDBPyConnection, month: Month) -> Answer:
    ends_at = _ends_at(connection, month)
    over = ends_at is not None and month.now >= ends_at
    return over, f"the month {'ended' if over else 'ends'} at {ends_at} UTC", {"ends_at": str(ends_at)}


def _months_in_order(connection: duckdb.DuckDBPyConnection, month: Month) -> Answer:
    """The month after the last closed one; a first close may not leave drafts of an earlier month behind."""
    last, figures = month.head.last_period, {"last_closed": month.head.last_period or None}
    if last:
        following = (date.fromisoformat(f"{last}-01") + timedelta(days=31)).replace(day=1)
        if month.period < following:
            return False, f"{month.text} is closed already: issued up to {last}", figures
        return month.period == following, f"{following:%Y-%m} is the next month to issue", figures
    earlier = _rows(
        connection,
        "select min(invoice_period) from fct_invoices where seller_id = ? and status = 'draft' and invoice_period < ?",
        month.seller_id,
        month.period,
    )[0][0]
    if earlier:
        return False, f"{earlier:%Y-%m} has drafts and is not issued: months are issued in order", figures
    return True, "no earlier month is open", figures


def _month_up_to_date(connection: duckdb.DuckDBPyConnection, month: Month) -> Answer:
    stale = {period: why for period, why in month.stale.items() if why}
    if month.text not in month.done:
        stale.setdefault(month.text, "never run")
    # What was issued for a month that is not rated here would be given back.
    for period in sorted(month.ledger.months(month.seller_id) - set(month.done)):
        if period < month.text:
            stale.setdefault(period, "issued, never run here")
    said = "; ".join(f"{period}: {why}" for period, why in stale.items())
    return not stale, f"run again: {said}" if stale else "no month has newer inputs", {"stale": len(stale)}


def _earlier_months_run(connection: duckdb.DuckDBPyConnection, month: Month) -> Answer:
    # Bills alone: the last sample before the first month is often delivered with it.
    delivered = _rows(
        connection,
        "select distinct billing_period from lake.deliveries"
        " where status = 'complete' and billing_period < ? order by 1",
        month.period,
    )
    missing = [f"{period:%Y-%m}" for (period,) in delivered if f"{period:%Y-%m}" not in month.done]
    said = f"delivered and never run: {', '.join(missing)}" if missing else "every delivered month before it was run"
    return not missing, said, {"never_run": len(missing)}


def _sources(connection: duckdb.DuckDBPyConnection, month: Month) -> Answer:
    expected = _rows(
        connection,
        "select source, account, grace_days from staging.stg_catalog__expected_sources"
        " where seller_id = ? order by all",
        month.seller_id,
    )
    bills = cache(lambda: _bills(connection, month))  # every line is read for it: once, and only where it is asked
    lacking = [said for source in expected if (said := _lacking(connection, month, bills, *source))]
    said = f"{len(expected)} expected sources are complete and final, or their grace is over"
    return not lacking, "; ".join(lacking) or said, {"expected": len(expected), "lacking": len(lacking)}


Bills = Mapping[tuple[str, str], tuple[int, int]]  # (feed, delivery's account) -> lines, lines with an invoice


def _bills(connection: duckdb.DuckDBPyConnection, month: Month) -> Bills:
    found = _rows(
        connection,
        "select payers.source, payers.account, count(*), count(lines.invoice_id) from fct_cost_and_usage as lines"
        " join intermediate.int_rating__payers_delivered as payers"
        " on lines.billing_period = payers.billing_period and lines.payer_account_id = payers.payer_account_id"
        " where lines.billing_period = ? group by 1, 2",
        month.period,
    )
    return {(feed, account): (lines, invoiced) for feed, account, lines, invoiced in found}


def _lacking(
    connection: duckdb.DuckDBPyConnection,
    month: Month,
    bills: Callable[[], Bills],
    source: str,
    account: str,
    grace_days: int,
) -> str:
    """What an expected source lacks; empty where it is complete, and final or past its grace."""
    counts = dict(
        _rows(
            connection,
            "select status, count(*) from lake.deliveries"
            " where source = ? and ? in (account, 'ANY') and billing_period = ? group by status",
            source,
            account,
            month.period,
        )
    )
    # A delivery of samples may hold several months: its totals say which.
    landed = _rows(
        connection,
        "select 1 from lake.delivery_totals where source = ? and ? in (account, 'ANY') and billing_period = ?"
        " and is_current limit 1",
        source,
        account,
        month.period,
    )
    where = f"{source} {account}"
    if not counts.get("complete") and not landed:
        return f"{where}: nothing complete has been delivered"
    waiting = counts.get("incomplete", 0) + counts.get("held", 0)
    if waiting:
        return f"{where}: {waiting} deliveries are incomplete or held"
    ends_at = _ends_at(connection, month)
    if ends_at and month.now >= ends_at + timedelta(days=grace_days):
        return ""
    # Vendors write their invoice's number into every line of a bill when it is final.
    counted = [bill for key, bill in bills().items() if key[0] == source and account in (key[1], "ANY")]
    lines, invoiced = (sum(counts) for counts in zip(*counted, strict=True)) if counted else (0, 0)
    return "" if lines and lines == invoiced else f"{where}: not final, grace runs {grace_days} days from {ends_at} UTC"


def _reconciliation(connection: duckdb.DuckDBPyConnection, month: Month) -> Answer:
    hops, off = _rows(
        connection,
        "select count(*), count(case when unexplained <> 0 then 1 end) from fct_reconciliation"
        " where billing_period <= ?",
        month.period,
    )[0]
    said = f"{off} of {hops} hops have a difference without an explanation"
    return off == 0, said, {"hops": hops, "unexplained": off}


def _quarantine(connection: duckdb.DuckDBPyConnection, month: Month) -> Answer:
    rejected, rows = _rows(
        connection,
        "select coalesce(sum(rows_quarantined), 0), coalesce(sum(rows_in), 0) from lake.delivery_totals"
        " where is_current and billing_period = ?",
        month.period,
    )[0]
    passed = rejected <= rows * month.quarantine_threshold
    return passed, f"{rejected} of {rows} rows are in quarantine", {"rows": int(rows), "quarantined": int(rejected)}


def _unrated(reasons: str) -> Callable[[duckdb.DuckDBPyConnection, Month], Answer]:
    """A gate on unrated rows of these reasons (SQL): the seller's own, and those that no edge claims."""

    def ask(connection: duckdb.DuckDBPyConnection, month: Month) -> Answer:
        found = _rows(
            connection,
            "select reason, count(*), min(coalesce(charge_key, resource_kind || ':' || resource_id, subscription_id))"
            " from fct_unrated_usage where holds_close and billing_period <= ?"
            f" and coalesce(seller_id, ?) = ? and {reasons} group by reason order by reason",
            month.period,
            month.seller_id,
            month.seller_id,
        )
        said = "; ".join(f"{count} × {reason}, the first {first}" for reason, count, first in found)
        return not found, said or "none", {reason: count for reason, count, _ in found}

    return ask


def _suppliers(connection: duckdb.DuckDBPyConnection, month: Month) -> set[str]:
    """The seller and whoever it buys from in the month, at any depth."""
    sellers_of: dict[str, set[str]] = {}
    for buyer, seller in _rows(
        connection,
        "select distinct buyer_id, seller_id from staging.stg_catalog__agreements"
        " where valid_from < ? and valid_to > ?",
        (month.period + timedelta(days=31)).replace(day=1),
        month.period,
    ):
        sellers_of.setdefault(buyer, set()).add(seller)
    found: set[str] = set()
    waiting = {month.seller_id}
    while waiting:
        found |= waiting
        waiting = {seller for party in waiting for seller in sellers_of.get(party, ())} - found
    return found


def _fx(connection: duckdb.DuckDBPyConnection, month: Month) -> Answer:
    """Rates the seller's own edges lack, and those that keep vendor cost from it further up the chain."""
    lacking = _rows(
        connection,
        "select seller_id, case when kind = 'cost' then buyer_id end, count(*),"
        " min(coalesce(charge_key, subscription_id)) from fct_unrated_usage"
        " where holds_close and billing_period <= ? and reason = 'missing_fx_rate'"
        " group by 1, 2",
        month.period,
    )
    suppliers = _suppliers(connection, month) if lacking else set()
    own = [row for row in lacking if row[0] in (None, month.seller_id) or row[1] in suppliers]
    count = sum(row[2] for row in own)
    if not count:
        return True, "none", {}
    return False, f"{count} × missing_fx_rate, the first {min(str(row[3]) for row in own)}", {"missing_fx_rate": count}


def _tax(connection: duckdb.DuckDBPyConnection, month: Month) -> Answer:
    held, drafts = _rows(
        connection,
        "select count(case when hold_reason = 'missing_tax_rate' then 1 end), count(*) from fct_invoices"
        " where status = 'draft' and seller_id = ? and invoice_period = ?",
        month.seller_id,
        month.period,
    )[0]
    return held == 0, f"{held} of {drafts} drafts lack a tax rate", {"drafts": drafts, "held": held}


def _numbering(connection: duckdb.DuckDBPyConnection, month: Month) -> Answer:
    prefix = prefix_of(connection, month.seller_id)
    if not prefix:
        return False, f"parties.csv has no invoice_prefix for {month.seller_id}", {}
    sellers = {
        party
        for (party,) in _rows(
            connection, "select party_id from staging.stg_catalog__parties where invoice_prefix = ?", prefix
        )
        if _rows(connection, "select 1 from staging.stg_catalog__agreements where seller_id = ? limit 1", party)
    }
    others = sorted((sellers | month.ledger.prefixes().get(prefix, set())) - {month.seller_id})
    if others:
        return False, f"the prefix {prefix} is also used by {', '.join(others)}: numbers would collide", {}
    return True, f"next number after {month.head.last_number}, prefix {prefix}", {"last_number": month.head.last_number}


def prefix_of(connection: duckdb.DuckDBPyConnection, seller_id: str) -> str | None:
    """The seller's invoice prefix, None where it has none."""
    found = _rows(connection, "select invoice_prefix from staging.stg_catalog__parties where party_id = ?", seller_id)
    return found[0][0] if found else None


def _checks(connection: duckdb.DuckDBPyConnection, month: Month) -> Answer:
    failed = list(month.failed_checks)
    return not failed, ", ".join(failed) if failed else "all green, run again just now", {"failed": len(failed)}


_GATES: dict[str, Callable[[duckdb.DuckDBPyConnection, Month], Answer]] = {
    "months_in_order": _months_in_order,
    "period_over": _period_over,
    "month_up_to_date": _month_up_to_date,
    "earlier_months_run": _earlier_months_run,
    "sources": _sources,
    "reconciliation": _reconciliation,
    "quarantine": _quarantine,
    "unrated_usage": _unrated("reason not in ('unassigned', 'missing_fx_rate', 'missing_on_demand_price')"),
    "unassigned_cost": _unrated("reason = 'unassigned'"),
    "sharing_prices": _unrated("reason = 'missing_on_demand_price'"),
    "fx": _fx,
    "tax": _tax,
    "numbering": _numbering,
    "checks": _checks,
}
