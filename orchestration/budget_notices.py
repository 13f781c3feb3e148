"""Crossings of budgets' thresholds -> notices, each told once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingestion.storage import open_storage
from invoicing.delivery import FolderNotifier, Notice, tell
from orchestration import tables, warehouse
from orchestration.periods import months_after, period_of
from orchestration.settings import Settings


def notices_of(crossings: Sequence[dict[str, Any]], newest_months: int) -> list[Notice]:
    """Notices of the crossings in the newest months: a history that is loaded for the first time is not news."""
    if not crossings:
        return []
    newest = max(row["billing_period"] for row in crossings)
    return [
        Notice(
            kind="budget_crossing",
            about=(
                row["budget_id"],
                row["party_id"],
                row["scope"],
                row["scope_value"],
                period_of(row["billing_period"]),
                f"{row['threshold'].normalize():f}",
            ),
            recipient=row["party_id"],
            subject=f"Budget {row['budget_id']}: {row['threshold'] * 100:.0f} % of {period_of(row['billing_period'])} "
            f"reached on {row['crossed_on']}",
            facts={name: f"{value}" for name, value in row.items()},
        )
        for row in crossings
        if row["billing_period"] >= months_after(newest, 1 - newest_months)
    ]


def told(settings: Settings) -> list[str]:
    """Tells every crossing that was not told yet, into `<home>/notices`; returns their keys."""
    with warehouse.opened(settings) as connection:
        found = (
            tables.rows(connection, "select * from fct_budget_crossings order by all")
            if tables.exists(connection, "fct_budget_crossings")
            else []
        )
    outbox = open_storage(settings.root / "outbox" / "notices")
    return tell(
        notices_of(found, settings.open_months), outbox, FolderNotifier(open_storage(settings.root / "notices"))
    )
