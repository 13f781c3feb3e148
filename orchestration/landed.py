"""What the lake holds of a feed and month, as counts and control totals with a verdict: plain values, no Dagster.

The figures are of the current deliveries, whenever they landed, so that a month materialised twice reports the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from orchestration.periods import period_of


@dataclass(slots=True)
class Landed:
    deliveries: int = 0
    rows_in: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0
    delivered: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))  # by currency
    landed: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    quarantined: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    @property
    def differences(self) -> dict[str, Decimal]:
        """Delivered minus landed minus quarantined, exact, where it is not zero."""
        found = {
            code: self.delivered[code] - self.landed[code] - self.quarantined[code] for code in list(self.delivered)
        }
        return {code: amount for code, amount in found.items() if amount}

    @property
    def rows_missing(self) -> int:
        return self.rows_in - self.rows_loaded - self.rows_quarantined

    @property
    def quarantined_share(self) -> float:
        return self.rows_quarantined / self.rows_in if self.rows_in else 0.0


def landed_of(totals: Iterable[Mapping[str, Any]], feed: str, period: str | None) -> Landed:
    """Sums the control totals (`lake.delivery_totals`) of the feed's current deliveries of a month; None: of all."""
    result, counted = Landed(), set()
    for row in totals:
        month = row["billing_period"]
        if row["source"] != feed or not row["is_current"] or (period and (not month or period_of(month) != period)):
            continue
        counted.add((row["table_name"], row["delivery_id"]))
        result.rows_in += row["rows_in"] or 0
        result.rows_loaded += row["rows_loaded"] or 0
        result.rows_quarantined += row["rows_quarantined"] or 0
        if row["currency"]:
            result.delivered[row["currency"]] += row["amount_delivered"] or 0
            result.landed[row["currency"]] += row["amount_landed"] or 0
            result.quarantined[row["currency"]] += row["amount_quarantined"] or 0
    result.deliveries = len(counted)
    return result
