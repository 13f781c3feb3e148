"""Assignment by tag and cost category once more in plain Python, without SQL: the part of an account a line belongs to.

A part reads `<account>#<resource kind>:<key>=<value>`, so that the other references take it for an account of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from allocation_reference import FEES, PURCHASES, Line, charge_day

COLUMNS = {"aws_tag": "resource_tags", "aws_cost_category": "cost_category"}  # a tag goes first


@dataclass(frozen=True, slots=True)
class Owned:
    """A row of resource_owners."""

    kind: str
    resource: str
    party: str
    start: date = date(1900, 1, 1)
    end: date = date(9999, 12, 31)

    def holds(self, day: date) -> bool:
        return self.start <= day < self.end

    def row(self) -> dict[str, Any]:
        """As the catalog delivers it."""
        named = {"resource_kind": self.kind, "resource_id": self.resource, "party_id": self.party}
        return named | {"valid_from": self.start, "valid_to": self.end}


def party_of(part: str, day: date, owners: Sequence[Owned]) -> str | None:
    """Whose an account, or its part, is on a day."""
    account, _, assigned_by = part.partition("#")
    kind, _, resource = assigned_by.partition(":") if assigned_by else ("aws_account", ":", account)
    named = (one.party for one in owners if (one.kind, one.resource) == (kind, resource) and one.holds(day))
    return next(named, None)


def assign(lines: Iterable[Line], owners: Sequence[Owned]) -> list[Line]:
    """The lines with parts in the place of accounts."""
    tagged = [one for one in owners if one.kind in COLUMNS]
    return [line | {"line_item_usage_account_id": _part(line, tagged, owners)} for line in lines]


def _part(line: Line, tagged: Sequence[Owned], owners: Sequence[Owned]) -> str:
    account, day = line["line_item_usage_account_id"], charge_day(line)
    kind_of_line = line["line_item_line_item_type"]
    arn = line.get("reservation_reservation_a_r_n") or line.get("savings_plan_savings_plan_a_r_n")
    if kind_of_line in FEES or (kind_of_line in PURCHASES and arn):
        return account  # a commitment is its account's
    known, unknown = [], []
    for kind, column in COLUMNS.items():
        keys = {one.resource.split("=")[0] for one in tagged if one.kind == kind and one.holds(day)}
        values = json.loads(line.get(column) or "{}")
        for resource in sorted(f"{key}={value}" for key, value in values.items() if key in keys):
            part = f"{account}#{kind}:{resource}"
            (known if party_of(part, day, owners) else unknown).append(part)
    part = next(iter(known + unknown), account)
    party = party_of(part, day, owners)
    return account if party is not None and party == party_of(account, day, owners) else part
