"""What-if and what was known then: a month under another catalog, beside the real one and without touching it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestration.simulating import instant_of
from tests.invoicing.worlds import House, one_edge, units
from tests.orchestration.command import marts
from tests.worlds.builder import World

NOW = "2026-02-20"


def tiers(first: str, second: str, **validity: str) -> list[dict[str, str]]:
    """A graduated price whose second tier begins above 120 units."""
    row = {"charge_id": "use", "valid_from": "2025-01-01"} | validity
    return [
        row | {"tier": "1", "lower": "0", "upper": "120", "unit_price": first},
        row | {"tier": "2", "lower": "120", "unit_price": second},
    ]


def _bytes(home: Path) -> dict[str, str]:
    """Every file of lake, ledger, warehouse and exports with a digest of its bytes."""
    files = (path for name in ("lake", "warehouse") for path in (home / name).rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files if ".holder" not in path.name}


def _amounts(found: Mapping[str, Any]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(row["rated_amount"]), Decimal(row["simulated_amount"])) for row in found["customers"]]


def _charges(found: Mapping[str, Any]) -> Sequence[tuple[str, Decimal]]:
    return [(row["charge_key"], Decimal(row["difference"])) for row in found["charges"]]


@pytest.mark.slow
@pytest.mark.dbt
def test_a_month_is_rated_by_what_was_known_or_might_be_and_nothing_changes(tmp_path: Path) -> None:
    """Fails when a price known later reaches back, an earlier one does not come again, or a byte of the home changes.

    January has 100 units before the 15th and 50 after. Known first: 0.10, above 120 units 0.05, which is 13.50.
    Known on 10 February: from the 15th on 0.20 and 0.10; the tiers run on over the month: 10 + 20 × 0.20 + 30 × 0.10.
    """
    graduated = [{"charge_id": "use", "plan_id": "basic", "meter_id": "units", "charge_model": "graduated"}]
    world = one_edge(tmp_path, plan_charges=graduated, charge_prices=tiers("0.10", "0.05"))
    world.catalog(
        "2026-02-10",
        charge_prices=tiers("0.10", "0.05", valid_to="2026-01-15") + tiers("0.20", "0.10", valid_from="2026-01-15"),
    )
    units(world, "2026-01-10T12:00:00", 100)
    units(world, "2026-01-20T12:00:00", 50)
    other = World(tmp_path / "other").catalog("2020-01-01", charge_prices=tiers("1", "2")).inbox
    house = House(world, tmp_path / "home")
    house.run(NOW, "2026-01")
    before = _bytes(house.home), marts(house.home)

    def simulate(*arguments: str, expect: int = 0) -> Any:
        said = house(NOW, "simulate", "--period", "2026-01", *arguments, expect=expect)
        return " ".join(said.split()) if isinstance(said, str) else said

    known_then = simulate("--as-of", "2026-02-10T00:59:59+01:00")
    assert _amounts(known_then) == [(Decimal(17), Decimal("13.5"))]
    assert _charges(known_then) == [("s1/use/usage", Decimal("-3.5"))]
    known_now = simulate("--as-of", "2026-02-10")
    assert _amounts(known_now) == [(Decimal(17), Decimal(17))] and not known_now["charges"]
    what_if = simulate("--catalog", str(other))
    assert _amounts(what_if) == [(Decimal(17), Decimal(180))] and what_if["tables"] == ["charge_prices"]

    assert "name another --catalog" in simulate(expect=2)
    assert "no catalog at" in simulate("--catalog", str(tmp_path / "nowhere"), expect=2)
    assert "knew no catalog" in simulate("--as-of", "2020-01-01", expect=2)
    broken = World(tmp_path / "broken").file("charge_prices.csv", "charge_id,valid_from\nuse,yesterday\n").inbox
    lost = simulate("--catalog", str(broken))  # the row is quarantined as in any delivery: nothing has a price
    assert _amounts(lost) == [(Decimal(17), Decimal(0))] and "row 1, column valid_from" in lost["messages"][0]
    assert [(row["reason"], row["simulated_rows"]) for row in lost["unrated"]] == [("no_price", 1)]
    assert (_bytes(house.home), marts(house.home)) == before
    assert not (house.home / "simulation" / "warehouse").exists()


@pytest.mark.parametrize(
    ("given", "instant"),
    [
        ("2026-02-01", "2026-02-01T00:00:00"),
        ("2026-02-01T00:00:00Z", "2026-02-01T00:00:00"),
        ("2026-02-01T01:30:00+01:00", "2026-02-01T00:30:00"),
    ],
)
def test_a_time_is_read_in_utc(given: str, instant: str) -> None:
    assert instant_of(given) == instant
