"""A rated amount, whatever rated it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Rated:
    """What an edge charges for a key in a service period, at 12 decimals in the edge's currency."""

    agreement: str
    period: str  # service period
    key: str
    component: str
    amount: Decimal
    upstream: Decimal | None  # what the edge above charges for it, in this edge's currency
    in_advance: bool = False
    due: str | None = None  # invoice period where it is not the service period
    tax_category: str = "standard"
