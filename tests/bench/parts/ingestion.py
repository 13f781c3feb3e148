"""Ingestion of a bill, Parquet and CSV.gz, beside Polars copying the same file, which checks and remembers nothing."""

from __future__ import annotations

import shutil
import sys
from decimal import Decimal
from pathlib import Path

from tests.bench.floor import landed
from tests.bench.measuring import Cost, Goal, measured, median, print_costs
from tests.bench.month import PERIOD, write_bill
from tests.bench.world import land_command

COPY_PROGRAM = """
import sys, polars
scan = polars.scan_csv if sys.argv[1].endswith(".csv.gz") else polars.scan_parquet
scan(sys.argv[1:-1]).sink_parquet(sys.argv[-1])
"""


def run(root: Path, lines: int, customers: int, repeats: int) -> list[Goal]:
    print(f"\nIngestion of {lines:,} lines, and of a quarter of them:")
    goals, told = [], set()
    for form, as_csv in (("Parquet", False), ("CSV.gz", True)):
        few, _, _ = ingested(root / f"few-{form}", lines // 4, customers, as_csv, 1)
        many, copied, megabytes = ingested(root / f"many-{form}", lines, customers, as_csv, repeats)
        told.add(in_the_lake(root / f"many-{form}" / "lake"))
        shutil.rmtree(root)
        print_costs(
            [(f"{form} -> lake", many), (f"{form} -> lake, a quarter", few), (f"{form} copied by Polars", copied)],
            median(copied),
            "copy",
        )
        cost, growth = median(many), median(many).peak / median(few).peak
        print(
            f"  {lines / cost.cpu:,.0f} rows and {megabytes / cost.cpu:,.1f} MB a CPU second;"
            f" {lines / cost.wall:,.0f} rows and {megabytes / cost.wall:,.1f} MB a second, {megabytes:,.0f} MB in all"
        )
        goals.append(
            Goal(f"peak of {form} at four times the lines", "flat (<= 1.15 x)", f"{growth:.2f} x", growth <= 1.15)
        )
    assert len(told) == 1 and {count for count, _ in told} == {lines}, f"the lake does not have what came: {told}"
    return goals


def ingested(
    root: Path, lines: int, customers: int, as_csv: bool, repeats: int
) -> tuple[list[Cost], list[Cost], float]:
    """What landing the bill cost each time, what copying it by Polars did, and its megabytes as delivered."""
    files = write_bill(root / "inbox", lines, customers, as_csv=as_csv)
    into_lake, copied = [], []
    for _ in range(repeats):
        shutil.rmtree(root / "lake", ignore_errors=True)
        into_lake.append(measured(land_command(root / "inbox", root / "lake", f"aws_cur:{PERIOD}"), {}))
        copy = [sys.executable, "-c", COPY_PROGRAM, *map(str, files), str(root / "copy.parquet")]
        copied.append(measured(copy, {}))
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    return into_lake, copied, megabytes


def in_the_lake(lake: Path) -> tuple[int, Decimal]:
    """Rows and billed cost of what was landed."""
    import duckdb

    query = "select count(*), sum(line_item_unblended_cost) from read_parquet($files)"
    return duckdb.execute(query, {"files": landed(lake)}).fetchone()
