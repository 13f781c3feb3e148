"""Looking things up in the catalog's rows: owners, edges, rates, valid on a day."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

from samples.reference.numbers import number

Row = dict[str, Any]


def valid(row: Row, day: date) -> bool:
    """Whether the row holds on the day; `valid_to` is exclusive, an empty bound is open."""
    return (row.get("valid_from") or date.min) <= day < (row.get("valid_to") or date.max)


class Catalog:
    """The tables as last delivered, with the few questions the reference asks them."""

    def __init__(self, tables: dict[str, list[Row]]) -> None:
        self.tables = tables
        self.parties = {row["party_id"]: row for row in tables["parties"]}
        self.agreements = {row["agreement_id"]: row for row in tables["agreements"]}
        self.owner = cache(self._owner)
        self.seller_edge = cache(self._seller_edge)
        self.path = cache(self._path)

    def _owner(self, kind: str, resource: str, day: date) -> str | None:
        for row in self.tables["resource_owners"]:
            if (row["resource_kind"], row["resource_id"]) == (kind, resource) and valid(row, day):
                return row["party_id"]
        return None

    def _seller_edge(self, buyer: str, day: date, vendor: str | None = None) -> str | None:
        """The agreement under which the party buys on the day; one that names the vendor comes first."""
        edges = [row for row in self.tables["agreements"] if row["buyer_id"] == buyer and valid(row, day)]
        for wanted in ([vendor] if vendor else []) + [None]:
            for row in edges:
                if (row.get("vendor") or None) == wanted:
                    return row["agreement_id"]
        return None

    def _path(self, owner: str, vendor: str, day: date) -> tuple[str, ...]:
        """Agreements from the vendor down to the owner."""
        path: list[str] = []
        buyer = owner
        while (agreement := self.seller_edge(buyer, day, vendor)) is not None:
            path.insert(0, agreement)
            buyer = self.agreements[agreement]["seller_id"]
        return tuple(path)

    def zone(self, owner: str, day: date) -> str:
        """Time zone of the final seller: the party that sells to the owner."""
        agreement = self.seller_edge(owner, day)
        if agreement is None:
            return "UTC"
        return self.parties[self.agreements[agreement]["seller_id"]].get("time_zone") or "UTC"

    def rate(self, agreement: str, from_currency: str, period: str) -> Decimal:
        """Rate into the agreement's currency: 1, its fixed rate, or its source's rate of the month; else KeyError."""
        terms = self.agreements[agreement]
        if from_currency == terms["currency"]:
            return Decimal(1)
        if terms.get("fx_fixed_rate"):
            return number(terms["fx_fixed_rate"])
        for row in self.tables["fx_rates"]:
            key = (row["from_currency"], row["to_currency"], row["period"], row["source"])
            if key == (from_currency, terms["currency"], period, terms.get("fx_source")):
                return number(row["rate"])
        raise KeyError(f"no rate {from_currency} to {terms['currency']} in {period} for {agreement}")
