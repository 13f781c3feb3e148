"""Prints what the main job costs beside the hand-written floor, in one run: stages, ratio, CPU seconds, peak memory;
beside it the same job in Polars and pandas, a run that has nothing to do, and Polars reading the delivered files.

`python -m tests.bench [--lines 1000000] [--customers 2000] [--repeats 3]`. Figures are ratios of one run on one
machine; compare ratios, not seconds.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from orchestration.settings import PROJECT_ROOT
from tests.bench.month import PERIOD, write_bill, write_catalog
from tests.bench.peers import PEERS

HERE = Path(__file__).parent
MODELS = PROJECT_ROOT / "dbt_project" / "models"


@dataclass
class Cost:
    wall: float  # seconds
    cpu: float  # seconds, user + system, with children
    peak: float  # GB, the largest process


def measured(command: list[str], environment: dict[str, str]) -> Cost:
    """Runs a command to its end; raises CalledProcessError where it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)  # of this child and those it waited for alone
    wall = time.perf_counter() - started
    if status:
        raise subprocess.CalledProcessError(os.waitstatus_to_exitcode(status), command)
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e6)


FLOOR_PROGRAM = """
import sys, duckdb, glob
sql, lake, catalog, out = sys.argv[1:]
connection = duckdb.connect(config={"threads": 2, "preserve_insertion_order": False})
files = sorted(glob.glob(lake + "/landed/aws_cur/line_items/**/*.parquet", recursive=True))
tables = {"owners": catalog + "/resource_owners.csv", "agreements": catalog + "/agreements.csv"}
rows = connection.execute(open(sql).read(), {"files": files} | tables).fetch_arrow_table()
connection.register("rows", rows)
connection.execute(f"copy rows to '{out}' (format parquet)")
"""

LAND_PROGRAM = """
import sys
from ingestion.lake import Lake
from ingestion.landing import land
from ingestion.storage import open_storage
inbox, lake, period = sys.argv[1:]
lake = Lake(open_storage(lake))
for feed in ("catalog", "aws_cur"):
    land(feed, open_storage(inbox), lake, None if feed == "catalog" else period)
"""


READ_PROGRAM = """
import sys, pathlib, polars
polars.scan_parquet(sorted(pathlib.Path(sys.argv[1]).rglob("*.parquet"))).sink_parquet(sys.argv[2])
"""


def floor_command(lake: Path, catalog: Path, out: Path) -> list[str]:
    """The floor as a process of its own: landed bill and delivered catalog in, invoice totals out as Parquet."""
    return [sys.executable, "-c", FLOOR_PROGRAM, str(HERE / "floor.sql"), str(lake), str(catalog), str(out)]


def agree_to_the_cent(warehouse: Path, other: Path) -> tuple[int, Decimal]:
    """Number of invoices and their total; raises AssertionError where one invoice differs from another way's."""
    import duckdb

    with duckdb.connect(str(warehouse), read_only=True) as connection:
        differing = connection.execute(
            "select coalesce(ours.agreement_id, other.agreement_id), ours.net_amount, other.net_amount"
            " from fct_invoices as ours full join read_parquet($other) as other using (agreement_id)"
            " where ours.net_amount is distinct from other.net_amount limit 5",
            {"other": str(other)},
        ).fetchall()
        if differing:
            raise AssertionError(f"the main job and {other.stem} differ: {differing}")
        return connection.execute("select count(*), sum(net_amount) from fct_invoices").fetchone()


FINISHED = re.compile(r"\d+ of \d+ (?:OK|PASS|WARN) (.+?) \.* *\[(?:SUCCESS|PASS|WARN \d+) in ([\d.]+)s\]")


def stages(log: str, floor: float) -> list[str]:
    """The last run's dbt nodes by their room in the project, as lines of a table: seconds of a thread, and how many
    times the floor that is. Seconds, because nodes share a process: CPU of one cannot be told from another's.
    """
    rooms = {path.stem: str(path.parent.relative_to(MODELS)) for path in MODELS.rglob("*.sql")}
    spent: dict[str, list[float]] = defaultdict(list)
    slowest: dict[str, tuple[float, str]] = {}
    for what, seconds in FINISHED.findall(log.rpartition("Running with dbt")[2]):
        name = what.split()[-1].rpartition(".")[2]
        room = rooms.get(name, "checks")
        spent[room].append(float(seconds))
        slowest[room] = max(slowest.get(room, (0.0, "")), (float(seconds), name))
    return [
        f"  {room:<32}{sum(each):>9.2f}{sum(each) / floor:>8.1f} x floor, {len(each):>3} nodes,"
        f" the slowest {slowest[room][1]} {slowest[room][0]:.2f}"
        for room, each in sorted(spent.items(), key=lambda item: -sum(item[1]))
        if sum(each) >= 0.05
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--customers", type=int, default=2_000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    python = sys.executable
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        inbox, home, floor_out = root / "inbox", root / "home", root / "floor.parquet"
        print(f"Writing a month of {arguments.lines:,} lines for {arguments.customers:,} customers ...", flush=True)
        write_bill(inbox, arguments.lines, arguments.customers)
        write_catalog(inbox, arguments.customers)
        environment = {
            "METERHOUSE_HOME": str(home),
            "METERHOUSE_INBOX": str(inbox),
            "METERHOUSE_NOW": "2026-02-03T00:00:00Z",
            "METERHOUSE_EXPORT_LINES": "false",  # a copy of the bill, which the floor does not write
        }
        land = measured([python, "-c", LAND_PROGRAM, str(inbox), str(home / "lake"), PERIOD], environment)
        floors, jobs = [], []
        peers: dict[str, list[Cost]] = {peer: [] for peer in PEERS}
        run = [python, "-m", "orchestration.cli", "run", "--period", PERIOD]
        catalog, warehouse = inbox / "catalog" / "2026-01-01", home / "warehouse" / "warehouse.duckdb"
        for _ in range(arguments.repeats):  # interleaved, so that a noisy machine disturbs all
            floors.append(measured(floor_command(home / "lake", catalog, floor_out), environment))
            for peer, costs in peers.items():
                command = [python, "-m", "tests.bench.peers", peer, str(home / "lake"), str(catalog)]
                costs.append(measured([*command, str(root / f"{peer}.parquet")], environment))
            shutil.rmtree(home / "warehouse", ignore_errors=True)
            jobs.append(measured(run, environment))
        invoices, total = agree_to_the_cent(warehouse, floor_out)
        for peer in peers:
            agree_to_the_cent(warehouse, root / f"{peer}.parquet")
        idle = measured(run, environment)
        delivered = sum(file.stat().st_size for file in (inbox / "aws_cur").rglob("*.parquet"))
        read = measured([python, "-c", READ_PROGRAM, str(inbox / "aws_cur"), str(root / "read.parquet")], environment)
        log = (home / "logs" / "run.log").read_text("utf-8")
    floor = statistics.median(cost.wall for cost in floors)
    job = statistics.median(cost.wall for cost in jobs)
    print(f"All agree to the cent: {invoices:,} invoices, {total:,.2f} USD.")
    print(f"{'stage':<34}{'wall s':>9}{'CPU s':>9}{'peak GB':>9}")
    for name, cost in [
        ("ingest: Parquet -> lake", land),
        ("the same files copied by Polars", read),
        ("floor: lake -> invoices, by hand", _median(floors)),
        *((f"the same in {peer}", _median(costs)) for peer, costs in peers.items()),
        ("main job: lake -> invoices, cold", _median(jobs)),
        ("main job, nothing to do", idle),
    ]:
        print(f"{name:<34}{cost.wall:>9.2f}{cost.cpu:>9.2f}{cost.peak:>9.2f}")
    print("of it dbt, in the last run (seconds of its two threads together):")
    print(*stages(log, floor), sep="\n")
    print(f"Ratio main job / floor: {job / floor:.2f} (medians of {arguments.repeats} interleaved runs)")
    print(f"Ingested {arguments.lines / land.wall:,.0f} lines/s, {delivered / land.wall / 1e6:,.0f} MB/s delivered")


def _median(costs: list[Cost]) -> Cost:
    return sorted(costs, key=lambda cost: cost.wall)[len(costs) // 2]


if __name__ == "__main__":
    main()
