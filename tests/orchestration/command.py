"""The command as a person runs it, in a process of its own, and what it leaves behind."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from orchestration.settings import Settings
from orchestration.warehouse import opened
from tests.warm import Command
from tests.worlds.builder import World, line, sample

ROOT = Path(__file__).parent.parent.parent
NOW = "2026-03-15T00:00:00Z"
RESELLER_ACCOUNT, CUSTOMER_ACCOUNT = "111111111111", "222222222222"
LONGEST = 1800  # seconds that a command may take: against one that hangs, and no measure of a busy machine
# When something came (a version carries it too), and where from: not what it says.
NOT_CONTENT = {"landed_at", "received_at", "uri", "version"}


def tiny_world(folder: Path) -> World:
    """One payer, a customer with an account of it and one edge server, January and February 2026."""
    parties = [{"party_id": "aws", "role": "vendor"}, {"party_id": "acme", "role": "reseller"}, {"party_id": "shop"}]
    owners = [
        {
            "resource_kind": "aws_account",
            "resource_id": RESELLER_ACCOUNT,
            "party_id": "acme",
            "valid_from": "2025-01-01",
        },
        {
            "resource_kind": "aws_account",
            "resource_id": CUSTOMER_ACCOUNT,
            "party_id": "shop",
            "valid_from": "2025-01-01",
        },
        {"resource_kind": "edge_server", "resource_id": "edge-01", "party_id": "shop", "valid_from": "2025-01-01"},
    ]
    world = World(folder).empty_catalog("2025-12-01")
    world.catalog(
        "2026-01-01",
        parties=parties,
        agreements=[
            {
                "seller_id": "aws",
                "buyer_id": "acme",
                "vendor": "aws",
                "cost_view": "effective",
                "valid_from": "2025-01-01",
            },
            {"seller_id": "acme", "buyer_id": "shop", "cost_view": "effective", "valid_from": "2025-01-01"},
        ],
        payers=[
            {"payer_id": RESELLER_ACCOUNT, "party_id": "acme", "report": "cost-report", "valid_from": "2025-01-01"}
        ],
        resource_owners=owners,
        price_rules=[{"agreement_id": "acme-shop", "value": "0.05", "tax_category": "S", "valid_from": "2025-01-01"}],
        meters=[{"meter_id": "bytes", "series": "net_bytes_recv"}],
        plans=[{"plan_id": "basic"}],
        plan_charges=[{"charge_id": "traffic", "plan_id": "basic", "meter_id": "bytes", "tax_category": "S"}],
        charge_prices=[
            {"charge_id": "traffic", "valid_from": "2025-01-01", "tier": "1", "lower": "0", "unit_price": "0.01"}
        ],
        subscriptions=[{"subscription_id": "s1", "seller_id": "acme", "buyer_id": "shop", "plan_id": "basic"}],
        tax_rates=[{"tax_category": "S", "rate": "0.19", "valid_from": "2025-01-01"}],
        budgets=[
            {"budget_id": "shop-all", "party_id": "shop", "scope": "party", "period": "2026-02", "amount": "500"}
            | {"currency": "USD", "thresholds": "50;100"}
        ],
    )
    for period in ("2026-01", "2026-02"):
        world.cur(RESELLER_ACCOUNT, period, bill())
        points = [sample(f"{period}-{day:02d}T12:00:00", "net", bytes_recv=100 * day) for day in range(1, 28)]
        world.telegraf("edge-01", points, name=f"metrics-{period}.json.gz")
    return world


def bill(cost: str = "88.00") -> list[dict[str, Any]]:
    return [
        line(cost=cost, list_cost="100", account=CUSTOMER_ACCOUNT, day=day, quantity="10") for day in (1, 2, 15)
    ] + [line(cost="1.23456789", account=RESELLER_ACCOUNT, day=3)]


def environment(home: Path, **more: str) -> dict[str, str]:
    """What the command sees: this interpreter's, without the tester's own settings."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("METERHOUSE_", "DAGSTER_", "DBT_"))
    }
    return kept | {"PYTHONPATH": str(ROOT), "METERHOUSE_HOME": str(home), "METERHOUSE_NOW": NOW} | more


def start(home: Path, *arguments: str, largest_file: int = 0, **variables: str) -> Command:
    """The command, begun warm. With `largest_file` no file may get larger: to who writes one, the disk is full."""
    return Command(["meterhouse", *arguments], environment(home, **variables), home.parent, largest_file)


def start_cold(home: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """The command, begun as a person begins it."""
    command, pipe = [sys.executable, "-m", "orchestration.cli", *arguments], subprocess.PIPE
    return subprocess.Popen(
        command, env=environment(home, **variables), stdout=pipe, stderr=pipe, text=True, cwd=home.parent
    )


def meterhouse(home: Path, *arguments: str, expect: int = 0, cold: bool = False, **variables: str) -> Any:
    """Runs a command with --json where it ends well or says no; returns what it printed, parsed (or stderr)."""
    process = (start_cold if cold else start)(home, *arguments, "--json", **variables)
    out, err = process.communicate(timeout=LONGEST)
    assert process.returncode == expect, f"{arguments} ended with {process.returncode}:\n{out}\n{err}"
    return json.loads(out) if expect in (0, 1) else err


def outcomes(report: dict[str, Any]) -> dict[str, str]:
    return {outcome["name"]: outcome["status"] for outcome in report["outcomes"]}


def marts(home: Path, lake: str = "") -> dict[str, tuple[int, str]]:
    """Mart -> its number of rows and a digest of their content, independent of the order they lie in."""
    found = {}
    with opened(Settings(home=home, lake=lake)) as connection:
        names = connection.execute(
            "select table_name from information_schema.tables where table_schema = 'main' order by table_name"
        ).fetchall()
        for (name,) in names:
            described = connection.execute(f'describe main."{name}"').fetchall()
            columns = [row[0] for row in described if row[0] not in NOT_CONTENT]
            listed = ", ".join(f'"{column}"' for column in columns)
            rows = sorted(map(repr, connection.execute(f'select {listed} from main."{name}"').fetchall()))
            found[name] = (len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16])
    return found
