"""From a feed to its Dagster asset: land what is in the inbox, then say what the lake holds, with verdicts.

What does not add up is blocking: nothing is allocated, rated or invoiced from it. Quarantined rows are not: the rest
loads and is drafted, and too many of them hold the close.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import dagster as dg

from ingestion.lake import Lake
from ingestion.landing import land, tell_unread
from ingestion.storage import open_storage
from orchestration.landed import Landed, landed_of
from orchestration.settings import Settings, get_settings

OWNERS = ["team:data-platform"]


def money_checks(asset: str) -> Sequence[dg.AssetCheckSpec]:
    """The verdicts of `verdicts`, announced."""
    return [
        dg.AssetCheckSpec(
            "control_totals_reconcile",
            asset=asset,
            blocking=True,
            description="Per currency: delivered = landed + quarantined, exactly.",
        ),
        dg.AssetCheckSpec(
            "rows_are_all_accounted_for",
            asset=asset,
            blocking=True,
            description="Rows in the files = rows loaded + rows quarantined.",
        ),
        dg.AssetCheckSpec(
            "few_rows_are_quarantined",
            asset=asset,
            blocking=False,
            description="Quarantined rows are at most METERHOUSE_QUARANTINE_THRESHOLD of all; else the close is held.",
        ),
    ]


def verdicts(asset: str, landed: Landed, threshold: float) -> list[dg.AssetCheckResult]:
    """One result per check of `money_checks`: counts and totals, never rows."""

    def result(
        name: str, passed: bool, severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR, **figures: float
    ) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(
            check_name=name, asset_key=asset, passed=passed, severity=severity, metadata=dict(figures)
        )

    return [
        result(
            "control_totals_reconcile",
            not landed.differences,
            **{f"difference_{code}": float(landed.differences.get(code, Decimal(0))) for code in landed.delivered},
        ),
        result("rows_are_all_accounted_for", landed.rows_missing == 0, rows_missing=landed.rows_missing),
        result(
            "few_rows_are_quarantined",
            landed.quarantined_share <= threshold,
            dg.AssetCheckSeverity.WARN,
            quarantined_share=landed.quarantined_share,
            threshold=threshold,
        ),
    ]


def figures(landed: Landed) -> dict[str, int | float]:
    """Numeric metadata, so that Dagster plots it over time (floats are for the plot: the exact totals are marts)."""
    counts = {
        "deliveries": landed.deliveries,
        "rows_in": landed.rows_in,
        "rows_loaded": landed.rows_loaded,
        "rows_quarantined": landed.rows_quarantined,
    }
    return counts | {f"control_total_{code}": float(amount) for code, amount in sorted(landed.landed.items())}


def warn_of_unread(context: dg.AssetExecutionContext) -> None:
    """Says in the run's log what lies in the inbox where no feed looks."""
    settings: Settings = get_settings()
    lake = Lake(open_storage(settings.lake_uri))
    for message in tell_unread(open_storage(settings.inbox_uri), lake).messages:
        context.log.warning(message)


def land_feed(context: dg.AssetExecutionContext, feed: str, period: str | None) -> dg.MaterializeResult:
    """Lands the feed's new deliveries (of a month) and reports the feed's state in the lake."""
    settings: Settings = get_settings()
    lake = Lake(open_storage(settings.lake_uri))
    report = land(feed, open_storage(settings.inbox_uri), lake, period)
    for message in report.messages:
        context.log.warning(message)
    landed = landed_of(lake.totals(), feed, period)
    now = {
        "found": report.found,
        "newly_landed": report.landed,
        "rejected": report.rejected,
        "incomplete": report.incomplete,
    }
    return dg.MaterializeResult(
        metadata={**figures(landed), **now},
        check_results=verdicts(feed, landed, settings.quarantine_threshold),
    )
