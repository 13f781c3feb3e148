"""A world of one edge: seller acme bills shop for units of an edge server, 0.10 each, taxed at 19 %.

Its counter starts at 0 on the first of each month, so that a month's usage is what `units` says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.orchestration.command import environment, meterhouse
from tests.warm import ended
from tests.worlds.builder import World, sample


def one_edge(folder: Path, **tables: Sequence[Mapping[str, Any]]) -> World:
    """The catalog; tables named here take the place of its own."""
    world = World(folder).empty_catalog("2025-12-01")
    own: dict[str, Sequence[Mapping[str, Any]]] = {
        "parties": [{"party_id": "acme", "role": "reseller"}, {"party_id": "shop"}],
        "agreements": [{"seller_id": "acme", "buyer_id": "shop", "currency": "EUR", "valid_from": "2025-01-01"}],
        "resource_owners": [
            {"resource_kind": "edge_server", "resource_id": "edge-01", "party_id": "shop", "valid_from": "2025-01-01"}
        ],
        "meters": [{"meter_id": "units", "series": "app_units", "sample_type": "delta"}],
        "plans": [{"plan_id": "basic", "currency": "EUR"}],
        "plan_charges": [{"charge_id": "use", "plan_id": "basic", "meter_id": "units", "tax_category": "S"}],
        "charge_prices": [price("0.10")],
        "subscriptions": [{"subscription_id": "s1", "seller_id": "acme", "buyer_id": "shop", "plan_id": "basic"}],
        "tax_rates": [{"tax_category": "S", "rate": "0.19", "valid_from": "2025-01-01"}],
        "expected_sources": [{"source": "edge", "account": "edge-01", "seller_id": "acme", "grace_days": "2"}],
    }
    return world.catalog("2026-01-01", **(own | tables))


def price(amount: str) -> dict[str, str]:
    return {"charge_id": "use", "valid_from": "2025-01-01", "tier": "1", "lower": "0", "unit_price": amount}


def units(world: World, instant: str, count: int) -> None:
    """One sample of `count` more units (fewer where it is negative)."""
    world.telegraf("edge-01", [sample(instant, "app", units=count)], name=f"units-{len(world.written):04d}.json.gz")


class House:
    """A home and its inbox, worked by the command as a person would."""

    def __init__(self, world: World, home: Path, **variables: str) -> None:
        self.world, self.home = world, home
        self.variables = {"METERHOUSE_INBOX": str(world.inbox)} | variables

    def __call__(self, now: str, *arguments: str, expect: int = 0, **variables: str) -> Any:
        """`meterhouse <arguments> --json` on this day."""
        clock = {"METERHOUSE_NOW": f"{now}T12:00:00Z"}
        return meterhouse(self.home, *arguments, expect=expect, **(self.variables | clock | variables))

    def run(self, now: str, *periods: str) -> Any:
        return self(now, "run", *(word for period in periods for word in ("--period", period)))

    def job(self, now: str, period: str, **request: Any) -> dict[str, Any]:
        """The Dagster job `issue` as the launchpad starts it: whether it ended well, and the assets it made."""
        config = {"resources": {"close_request": {"config": request}}}
        variables = self.variables | {"METERHOUSE_NOW": f"{now}T12:00:00Z"}
        done = ended(["issue_job", period, json.dumps(config)], environment(self.home, **variables), self.home.parent)
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout.splitlines()[-1])

    def issue(self, now: str, period: str, *more: str, expect: int = 0, seller: str = "acme", **variables: str) -> Any:
        return self(now, "issue", "--seller", seller, "--period", period, *more, expect=expect, **variables)
