"""Samples of edge servers: landing them, metering them and billing their month, against a plain window query."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.bench.floor import by_hand, landed
from tests.bench.measuring import Cost, Goal, measured, median, print_costs, told
from tests.bench.samples import write_samples
from tests.bench.world import Month, land_command


def run(root: Path, samples: int, repeats: int) -> list[Goal]:
    month, floor = Month(root), root / "usage.duckdb"
    print(f"\nWriting {samples:,} samples of edge servers ...", flush=True)
    count = write_samples(month.inbox, samples)
    landing = measured(land_command(month.inbox, month.lake, "catalog", "edge"), {})
    files = landed(month.lake, "edge/samples")
    cold = month.close()
    windows, metered = [], []
    for _ in range(repeats):
        floor.unlink(missing_ok=True)
        windows.append(measured(by_hand("usage", floor, files, month.catalog), {}))
        metered.append(metered_once(month))
    rows = usage_agrees(month.warehouse, floor, count)
    print(f"{count:,} samples; {rows:,} rows of usage, each equal to the window query's:")
    window, metering = median(windows), median(metered)
    print_costs(
        [
            ("DuckDB window query: lake -> usage", windows),
            ("metering models, dbt warm: lake -> usage", metered),
            ("the month from a cold shell, billed", [cold]),
            ("files -> lake", [landing]),
        ],
        window,
        "window",
    )
    rate, times = count / metering.wall, window.wall / metering.wall
    print(
        f"Metered {rate:,.0f} samples/s, {count / metering.cpu:,.0f} a CPU second;"
        f" landed {count / landing.cpu:,.0f} a CPU second."
    )
    return [
        Goal("edge: samples metered", ">= 5 million/s", f"{rate / 1e6:.2f} million/s", rate >= 5e6),
        Goal("edge: against the window query", ">= 3 x", f"{times:.2f} x", times >= 3),
        Goal(
            f"edge: peak of the month, {count / 1e6:.1f} m samples",
            "<= 1.2 GB at 43 m",
            f"{cold.peak:.2f} GB",
            cold.peak <= 1.2,
            count >= 42_500_000,
        ),
    ]


def metered_once(month: Month) -> Cost:
    """The metering models alone: seconds within dbt, and the peak of their process."""
    return told([sys.executable, "-m", "tests.bench.metering"], month.environment)[0]


def usage_agrees(warehouse: Path, floor: Path, samples: int) -> int:
    """Rows of fct_metered_usage, the same in the floor; raises AssertionError where a row or a sample is missing."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(f"attach '{warehouse}' as house (read_only); attach '{floor}' as floor (read_only)")
        ours, by_hand = (
            f"(select meter_id, resource_id, usage_date, quantity from {table})"
            for table in ("house.fct_metered_usage", "floor.usage")
        )
        for query in (f"{ours} except all {by_hand}", f"{by_hand} except all {ours}"):
            alone = connection.execute(f"from ({query}) limit 3").fetchall()
            assert not alone, f"the metered usage and the window query differ: {alone}"
        rows, counted = connection.execute("select count(*), sum(sample_count) from house.fct_metered_usage").fetchone()
    assert counted == samples, f"{counted} samples were metered, {samples} were written"
    return rows
