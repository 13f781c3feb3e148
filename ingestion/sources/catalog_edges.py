"""The partner chain: agreements as edges seller -> buyer. For each vendor and day a buyer has one seller, and no chain
comes back to where it started.

An agreement without a vendor is for any vendor; for a vendor that the buyer has an agreement of its own for, that one
counts. So a circle may exist for one vendor only, and only on some days.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import polars as pl

from ingestion.contracts import Contract
from ingestion.deliveries import Refused

SINCE_EVER, FOR_EVER = date(1, 1, 1), date(9999, 12, 31)
ANY = "ANY"


@dataclass(frozen=True, slots=True)
class Edge:
    row: int
    seller: str
    buyer: str
    vendor: str  # ANY where the agreement names none
    starts: date
    ends: date  # exclusive


def edges_of(rows: pl.DataFrame) -> list[Edge]:
    """The agreements that hold on some day, in order of their rows."""
    filled = rows.sort("source_row").select(
        "source_row",
        "seller_id",
        "buyer_id",
        pl.col("vendor").fill_null(ANY),
        pl.col("valid_from").fill_null(SINCE_EVER),
        pl.col("valid_to").fill_null(FOR_EVER),
    )
    return [edge for edge in (Edge(*row) for row in filled.rows()) if edge.starts < edge.ends]


def two_sellers(edges: Iterable[Edge]) -> tuple[Edge, Edge] | None:
    """Two agreements of one buyer and one vendor (or both without) that share a day."""
    groups: dict[tuple[str, str], list[Edge]] = defaultdict(list)
    for edge in edges:
        groups[edge.buyer, edge.vendor].append(edge)
    for group in groups.values():
        group.sort(key=lambda edge: (edge.starts, edge.row))
        for former, edge in pairwise(group):
            if edge.starts < former.ends:
                return former, edge
    return None


def _on_circles(edges: list[Edge]) -> set[str]:
    """Parties that a walk along any edges, whatever their vendor and days, can come back to: takes away, until nothing
    changes, parties nobody sells to and parties that sell to nobody."""
    left = set(edges)
    while True:
        parties = {edge.seller for edge in left} & {edge.buyer for edge in left}
        kept = {edge for edge in left if edge.seller in parties and edge.buyer in parties}
        if kept == left:
            return parties
        left = kept


def _sellers(edges: list[Edge], vendor: str, day: date) -> dict[str, Edge]:
    """Buyer -> the agreement that counts for the vendor on the day."""
    holding = [edge for edge in edges if edge.starts <= day < edge.ends]
    fallback = {edge.buyer: edge for edge in holding if edge.vendor == ANY}
    return fallback | {edge.buyer: edge for edge in holding if edge.vendor == vendor}


def _walks(seller_of: dict[str, Edge]) -> Iterator[list[Edge]]:
    """Every circle of a day, as its edges from buyer to seller."""
    done: set[str] = set()
    for start in sorted(seller_of):
        path: list[Edge] = []
        seen: dict[str, int] = {}
        party = start
        while party in seller_of and party not in done and party not in seen:
            seen[party] = len(path)
            path.append(seller_of[party])
            party = seller_of[party].seller
        if party in seen:
            yield path[seen[party] :]
        done |= set(seen)


def circle(edges: list[Edge]) -> tuple[list[Edge], str, date] | None:
    """The first circle, with the vendor and day it exists for. Cheap where there is none: then no party is suspect."""
    suspects = _on_circles(edges)
    if not suspects:
        return None
    # Every agreement of a suspect counts: one from outside the circle may be the one that breaks it.
    tried = [edge for edge in edges if edge.buyer in suspects]
    for vendor in sorted({edge.vendor for edge in tried} | {ANY}):
        for day in sorted({edge.starts for edge in tried} | {edge.ends for edge in tried if edge.ends < FOR_EVER}):
            for found in _walks(_sellers(tried, vendor, day)):
                return found, vendor, day
    return None


def _said(day: date) -> str:
    return "every day since ever" if day == SINCE_EVER else day.isoformat()


def check_edges(rows: pl.DataFrame, contract: Contract, key: str) -> None:
    """Raises Refused naming the path where a buyer has two sellers or a chain is a circle."""
    edges = edges_of(rows)
    named = f"(contract {contract.id} {contract.version})"
    if clash := two_sellers(edges):
        one, other = clash
        vendor = "any vendor" if one.vendor == ANY else f"vendor {one.vendor}"
        raise Refused(
            f"{key}: rows {one.row} and {other.row}: {one.seller} -> {one.buyer} <- {other.seller} for {vendor} on "
            f"{_said(max(one.starts, other.starts))} {named}; "
            "a buyer has one agreement per vendor and day: end one of them"
        )
    if found := circle(edges):
        path, vendor, day = found
        parties = " -> ".join([path[0].buyer, *(edge.buyer for edge in reversed(path))])
        rows_named = ", ".join(str(edge.row) for edge in sorted(path, key=lambda edge: edge.row))
        vendor = "any vendor" if vendor == ANY else f"vendor {vendor}"
        raise Refused(
            f"{key}: rows {rows_named}: {parties} is a circle, for {vendor} on {_said(day)} {named}; "
            "take one of these agreements out and deliver the table again"
        )
