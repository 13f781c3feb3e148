"""The close of a month: the main job, cold and warm, against the floor, and what reading its marts takes."""

from __future__ import annotations

import shutil
import statistics
import sys
import time
from pathlib import Path

from tests.bench.dbt_log import nodes_of, print_rooms, share_of_checks
from tests.bench.floor import agree_row_by_row, agree_to_the_cent, by_hand, landed
from tests.bench.measuring import Cost, Goal, measured, median, print_costs, times, told
from tests.bench.month import PERIOD
from tests.bench.world import Month


def run(month: Month, repeats: int) -> list[Goal]:
    floor_file, totals_file = month.root / "floor.duckdb", month.root / "totals.parquet"
    month.land()
    floors, totals, colds, warms = [], [], [], []
    for _ in range(repeats):  # interleaved, so that a noisy machine disturbs all
        floor_file.unlink(missing_ok=True)
        floors.append(measured(by_hand("floor", floor_file, landed(month.lake), month.catalog), {}))
        totals.append(measured(by_hand("totals", totals_file, landed(month.lake), month.catalog), {}))
        shutil.rmtree(month.home / "warehouse", ignore_errors=True)
        colds.append(month.close())
        warm, around_dbt, dagster = closed_warm(month)
        warms.append(warm)
    rows = agree_row_by_row(month.warehouse, floor_file)
    invoices, net = agree_to_the_cent(month.warehouse, totals_file)
    idle, sample = month.close(), sample_month(month.root / "sample")
    print(f"\nThe close of {month.lines:,} lines. Equal to the floor row by row:")
    print("  " + ", ".join(f"{mart} {count:,}" for mart, count in rows.items()))
    print(f"  and to the totals alone to the cent: {invoices:,} invoices, {net:,.2f} USD net.")
    floor = median(floors)
    print_costs(
        [
            ("floor: lake -> the same marts, by hand", floors),
            ("totals only: lake -> invoice totals, by hand", totals),
            ("main job from a cold shell", colds),
            ("main job in a warm process", warms),
            ("main job, nothing to do", [idle]),
            ("one month of the sample world", [sample]),
        ],
        floor,
        "floor",
    )
    print(f"Cold main job / totals only: CPU {median(colds).cpu / median(totals).cpu:.1f}")
    print_rooms(month.home, floor.wall)
    checks = share_of_checks(month.home)
    assets = sum(len(nodes) for room, nodes in nodes_of(month.home).items() if room != "checks")
    asset = dagster / assets * 1000
    invoice, query = reading(month.warehouse)
    print(f"Checks: {checks:.0%} of the nodes' seconds.")
    print(f"Around dbt, warm: {around_dbt:.1f} s for {assets} models, {dagster:.1f} s of it Dagster's own.")
    print(f"Reading: one invoice {invoice:.1f} ms, a month's cost by view and service {query:.1f} ms.")
    cold, warm = median(colds), median(warms)
    full, million = month.lines == 10_000_000, month.lines == 1_000_000
    at, later = f" of {month.lines / 1e6:g} m", f"floor + {cold.wall - floor.wall:.1f} s"
    return [
        Goal(f"close{at} in a warm process", "<= 1.3 x floor", times(warm, floor), warm.wall <= 1.3 * floor.wall, full),
        Goal(f"close{at} from a cold shell", "<= 2.0 x floor", times(cold, floor), cold.wall <= 2 * floor.wall, full),
        Goal(f"close{at} from a cold shell", "<= floor + 4 s", later, cold.wall <= floor.wall + 4, million),
        Goal(f"peak memory of the close{at}", "<= 0.8 GB", f"{cold.peak:.2f} GB", cold.peak <= 0.8, full),
        Goal("checks", "<= 15 % of the close", f"{checks:.0%}", checks <= 0.15),
        Goal("orchestration, per asset in process", "<= 25 ms", f"{asset:.0f} ms", asset <= 25),
        Goal("reading one invoice", "<= 10 ms", f"{invoice:.1f} ms", invoice <= 10),
        Goal("reading a month's mart query", "<= 50 ms", f"{query:.1f} ms", query <= 50),
    ]


def sample_month(root: Path) -> Cost:
    """A month of hardly any lines: what is there whatever the bill's size."""
    world = Month(root)
    measured([sys.executable, "-m", "samples", "--out", str(world.inbox), "--seed", "1"], {})
    return world.close()


def closed_warm(month: Month) -> tuple[Cost, float, float]:
    """The second of two closes in one process, its seconds that are not dbt's, and of them those of Dagster itself."""
    homes = [month.root / "first_home", month.root / "second_home"]
    warm, took = told([sys.executable, "-m", "tests.bench.warm", *map(str, homes)], month.environment)
    for home in homes:
        shutil.rmtree(home)
    return warm, took["wall"] - took["dbt"], took["dagster"]


def reading(warehouse: Path, repeats: int = 21) -> tuple[float, float]:
    """Median milliseconds of one invoice with its lines, and of a month's cost by view and service, connection open."""
    import duckdb

    def median_of(query: str, parameters: list[str]) -> float:
        took = []
        for _ in range(repeats):
            started = time.perf_counter()
            assert connection.execute(query, parameters).fetchall()
            took.append(time.perf_counter() - started)
        return statistics.median(took) * 1000

    with duckdb.connect(str(warehouse), read_only=True, config={"threads": 2}) as connection:
        (invoice,) = connection.execute("select invoice_id from fct_invoices order by invoice_id limit 1").fetchone()
        lines = "from fct_invoices join fct_invoice_lines using (invoice_id) where invoice_id = ?"
        costs = (
            "select cost_view, service_name, sum(amount) from fct_monthly_costs where billing_period = ? group by all"
        )
        return median_of(lines, [invoice]), median_of(costs, [f"{PERIOD}-01"])
