"""How the close grows with lines, customers and months, and what a month costs again; from a cold shell, once each.

Of the CPU seconds of a close the fixed ones (a close of hardly any lines, or of hardly any customers) are taken off
before an exponent is fitted: with them everything would seem to grow slowly.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.bench.measuring import Cost, Goal, exponent, per_million, print_costs, times
from tests.bench.month import PERIOD, write_bill
from tests.bench.world import Month

MONTHS = ("2025-11", "2025-12", PERIOD)


def run(root: Path, lines: int, customers: int) -> list[Goal]:
    return [
        *with_lines(root, lines, customers),
        *with_customers(root, lines // 4, customers),
        *with_months(root, lines // 4),
    ]


def closed(root: Path, lines: int, customers: int) -> Cost:
    month = Month(root, lines, customers).write()
    month.land()
    cost = month.close()
    shutil.rmtree(root)
    return cost


def with_lines(root: Path, lines: int, customers: int) -> list[Goal]:
    sizes = [lines // 4, lines // 2, lines, lines * 2]
    fixed, *costs = [closed(root, size, customers) for size in (1_000, *sizes)]
    print(f"\nGrowth with lines, {customers:,} customers:")
    print_costs([(f"{size:,} lines", [cost]) for size, cost in zip([1_000, *sizes], [fixed, *costs], strict=True)])
    steepness, further = grown("lines", sizes, costs, fixed), per_million(sizes, [cost.cpu for cost in costs])
    print(f"A further million lines: {further:.1f} CPU-s")
    return [
        Goal("growth: a further million lines", "<= 0.35 CPU-s", f"{further:.1f} CPU-s", further <= 0.35),
        Goal("growth: exponent over lines", "<= 1.05", f"{steepness:.2f}", steepness <= 1.05),
    ]


def with_customers(root: Path, lines: int, customers: int) -> list[Goal]:
    sizes = [customers // 4, customers // 2, customers, customers * 2]
    fixed, *costs = [closed(root, lines, size) for size in (20, *sizes)]
    print(f"\nGrowth with customers, {lines:,} lines:")
    print_costs([(f"{size:,} customers", [cost]) for size, cost in zip([20, *sizes], [fixed, *costs], strict=True)])
    steepness = grown("customers", sizes, costs, fixed)
    return [Goal("growth: exponent over customers", "<= 1.05", f"{steepness:.2f}", steepness <= 1.05)]


def grown(what: str, sizes: Sequence[int], costs: Sequence[Cost], fixed: Cost) -> float:
    """The exponent of what the size adds."""
    steepness = exponent(sizes, [max(cost.cpu - fixed.cpu, 0.01) for cost in costs])
    print(f"What {what} add over {fixed.cpu:.0f} CPU-s grows with their {steepness:.2f}th power")
    return steepness


def with_months(root: Path, lines: int) -> list[Goal]:
    """Three months in one run, then the last delivered again; beside a close of one month alone."""
    customers = max(lines // 500, 20)
    one = closed(root, lines, customers)
    months = Month(root, lines, customers).write(*MONTHS)
    months.land(*MONTHS)
    backfilled = months.close(*MONTHS)
    write_bill(months.inbox, lines - 1, customers, PERIOD, assembly=2)
    again = months.close()
    kept = months.warehouse.rename(root / "kept.duckdb")
    shutil.rmtree(months.home / "warehouse")
    months.close(*MONTHS)
    different = rows_apart(kept, months.warehouse)
    print(f"\nGrowth with months, {lines:,} lines and {customers:,} customers each:")
    print_costs(
        [
            ("one month", [one]),
            (f"{len(MONTHS)} months in one run", [backfilled]),
            ("the last delivered again", [again]),
        ],
        one,
        "one month",
    )
    print(f"Rows of marts that a rebuild has otherwise than the re-delivered month left them: {different}")
    n = len(MONTHS)
    all_single = Cost(one.wall * n, one.cpu * n, one.peak)
    less, same = again.wall <= 0.6 * one.wall, again.wall <= 1.15 * one.wall
    return [
        Goal(
            f"{n} months backfilled",
            f"<= 1.15 x {n} closes",
            times(backfilled, all_single),
            backfilled.cpu <= 1.15 * n * one.cpu,
        ),
        Goal("one month of several re-run", "one month (<= 1.15 x)", times(again, one), same),
        Goal("a month delivered again", "<= 0.6 x the full close", times(again, one), less),
        Goal("the same, against a rebuild", "0 rows different", f"{different} rows", different == 0),
    ]


def rows_apart(one: Path, other: Path) -> int:
    """Rows of facts and dimensions that only one of two warehouses has."""
    import duckdb

    apart = 0
    with duckdb.connect() as connection:
        connection.execute(f"attach '{one}' as one (read_only); attach '{other}' as other (read_only)")
        tables = connection.execute(
            "select table_name from duckdb_tables() where database_name = 'one' and schema_name = 'main'"
            " and (table_name like 'fct_%' or table_name like 'dim_%')"
            " union all select 'fct_account_costs' order by 1"  # a view; others read the lake, or what is compared here
        ).fetchall()
        assert tables
        for (table,) in tables:
            for left, right in (("one", "other"), ("other", "one")):
                query = f"select count(*) from (from {left}.{table} except all from {right}.{table})"
                (count,) = connection.execute(query).fetchone()
                if count:
                    print(f"  {table}: {count:,} rows of {left} alone")
                apart += count
    return apart
