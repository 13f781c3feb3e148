"""The least of the job, invoice totals, as somebody would otherwise write it; each must agree to the cent.

PostgreSQL and Spark are measured where they are installed; where one is not, a line says so.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from orchestration.settings import PROJECT_ROOT
from tests.bench import postgres
from tests.bench.floor import BY_HAND, agree_to_the_cent, by_hand, landed
from tests.bench.measuring import Cost, Goal, measured, median, print_costs, times
from tests.bench.peers import PEERS
from tests.bench.world import Month

SPARK_PYTHON = PROJECT_ROOT / ".venv-spark" / "bin" / "python"
TOTALS = "DuckDB, totals only"
# Peer -> how many times as fast as it the main job should be, at 10 million lines.
ASKED = {"postgres": 8, "postgres with its load": 25, "spark": 15, "pandas": 8, "polars": 1}


def run(month: Month, repeats: int) -> list[Goal]:
    month.land()
    files = landed(month.lake)
    ways: dict[str, tuple[list[str], Path]] = {TOTALS: _by_hand(month, files)}
    for peer in PEERS:
        out = month.root / f"{peer}.parquet"
        command = [sys.executable, "-m", "tests.bench.peers", peer, str(out), str(month.catalog), *files]
        ways[peer] = (command, out)
    load = _with_postgres(month, files, ways)
    _with_spark(month, files, ways)
    costs: dict[str, list[Cost]] = {way: [] for way in ways}
    for _ in range(repeats):  # interleaved, so that a noisy machine disturbs all
        for way, (command, _) in ways.items():
            costs[way].append(measured(command, {}))
    (_, exact), *others = ways.values()
    for _, out in others:
        invoices, total = agree_to_the_cent(exact, out)
    closes = [month.close()]
    agree_to_the_cent(month.warehouse, exact)
    print(
        f"\nInvoice totals of {month.lines:,} lines by other means, the same to the cent:"
        f" {invoices:,} invoices, {total:,.2f} USD."
    )
    shown = [*costs.items(), ("main job from a cold shell", closes)]
    if load:
        shown.insert(-1, ("postgres, its load by COPY", [load]))
    print_costs(shown, median(costs[TOTALS]), "totals")
    return _goals({way: median(each) for way, each in costs.items()}, load, closes[0], month.lines)


def _by_hand(month: Month, files: list[str]) -> tuple[list[str], Path]:
    out = month.root / "totals.parquet"
    return by_hand("totals", out, files, month.catalog), out


def _with_postgres(month: Month, files: list[str], ways: dict[str, tuple[list[str], Path]]) -> Cost | None:
    """Adds PostgreSQL to the ways, loaded; returns what loading cost."""
    if why := postgres.missing():
        print(f"PostgreSQL is left out: {why}")
        return None
    folder, out = month.root / "postgres", month.root / "postgres.csv"
    postgres.prepare(folder, files)

    def command(what: str) -> list[str]:
        return [sys.executable, "-m", "tests.bench.postgres", what, str(folder), str(out), str(month.catalog)]

    ways["postgres"] = (command("totals"), out)
    return measured(command("load"), {})


def _with_spark(month: Month, files: list[str], ways: dict[str, tuple[list[str], Path]]) -> None:
    if not SPARK_PYTHON.exists() or shutil.which("java") is None:
        print("Spark is left out: `make bench-spark` installs it, and it wants java on the path")
        return
    out = month.root / "spark.csv"
    program, query = str(Path(postgres.__file__).with_name("spark.py")), str(BY_HAND / "totals.sql")
    ways["spark"] = ([str(SPARK_PYTHON), program, str(out), query, str(month.catalog), *files], out)


def _goals(costs: dict[str, Cost], load: Cost | None, close: Cost, lines: int) -> list[Goal]:
    if load:
        alone = costs["postgres"]
        both = Cost(alone.wall + load.wall, alone.cpu + load.cpu, max(alone.peak, load.peak))
        costs = costs | {"postgres with its load": both}
    return [
        Goal(
            f"main job against totals in {peer}",
            f">= {as_fast} x as fast" if as_fast > 1 else "never slower",
            times(costs[peer], close),
            costs[peer].wall >= as_fast * close.wall,
            lines == 10_000_000,
        )
        for peer, as_fast in ASKED.items()
        if peer in costs
    ]
