"""Rates a year of many subscriptions in one pass and prints what it costs, with the models that took longest.

`python -m tests.bench.rating [--customers 10000] [--months 12] [--days 2]`. Every customer subscribes to 50 charges: 40
of usage (per unit, graduated, volume and stairstep over three tiers, some with a price change in the middle of the year
and an allowance) and 10 recurring ones. Its metered usage is given, on `--days` days a month; all from there is dbt's.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import duckdb

from orchestration.lake_views import create_empty_lake
from orchestration.months import month_bounds
from tests.bench.measuring import measured
from tests.dbt_project.rating_worlds import World

PROJECT = Path(__file__).parents[2] / "dbt_project"
PLANS, USAGE_CHARGES, RECURRING_CHARGES = 20, 40, 10
MODELS = ["staging.catalog", "intermediate.rating", "marts.rating", "restatement_reasons"]
INVOICED = ["intermediate.rating.drafts", "intermediate.rating.taxes", "intermediate.rating.reconciled"]

# One row of the catalog per number n (customer), p (plan) and c (charge); written straight into the lake's relations.
ROWS = {
    "catalog__parties": """
        select 'house' as party_id, 'house' as name, 'reseller' as role, 'UTC' as time_zone
        union all select 'c' || n, 'c' || n, 'customer', 'UTC' from range({customers}) as t(n)""",
    "catalog__agreements": """
        select 'a' || n as agreement_id, 'house' as seller_id, 'c' || n as buyer_id, 'EUR' as currency
        from range({customers}) as t(n)""",
    "catalog__plans": "select 'p' || p as plan_id, 'p' || p as name, 'EUR' as currency from range({plans}) as t(p)",
    "catalog__meters": """
        select 'm' || c as meter_id, 'edge_server' as resource_kind, 's' || c as series, 'counter' as sample_type,
            'sum' as aggregation, 'GB' as unit from range({usage}) as t(c)""",
    "catalog__plan_charges": """
        select 'p' || p || '-' || c as charge_id, 'p' || p as plan_id, 'charge ' || c as name,
            case when c < {usage} then 'usage' else 'recurring' end as charge_type,
            case when c < {usage} then ['per_unit', 'graduated', 'volume', 'stairstep'][1 + c % 4]
                else ['flat', 'per_unit'][1 + c % 2] end as charge_model,
            case when c < {usage} then 'm' || c end as meter_id,
            case when c >= {usage} then 'in_arrears' end as timing,
            case when c >= {usage} then 'month' end as "interval",
            case when c < {usage} and c % 3 = 0 then 5 end as included_quantity
        from range({plans}) as t(p), range({usage} + {recurring}) as u(c)""",
    "catalog__charge_prices": """
        select 'p' || p || '-' || c as charge_id, tier, case when tier > 1 then lower end as lower, upper,
            cast(0.5 + c % 7 - 0.1 * tier as decimal(18, 6)) + v as unit_price, c % 4 as flat_fee,
            case when v = 1 then date '2025-07-15' end as valid_from,
            case when v = 0 and c % 5 = 0 then date '2025-07-15' end as valid_to
        from range({plans}) as t(p), range({usage} + {recurring}) as u(c), range(2) as w(v),
            (values (1, 0, 10), (2, 10, 100), (3, 100, null)) as tiers(tier, lower, upper)
        where (v = 0 or c % 5 = 0) and (tier = 1 or (c < {usage} and c % 4 > 0))""",
    "catalog__resource_owners": """
        select 'edge_server' as resource_kind, 'h' || n as resource_id, 'c' || n as party_id
        from range({customers}) as t(n)""",
    "catalog__subscriptions": """
        select 'u' || n as subscription_id, 'house' as seller_id, 'c' || n as buyer_id, 'p' || n % {plans} as plan_id,
            3 as quantity, 1 as billing_day, date '2024-11-01' as start_date from range({customers}) as t(n)""",
}
USAGE = """
    insert into main.fct_metered_usage by name
    select month as billing_period, month as service_period, 'm' || c as meter_id, 'edge_server' as resource_kind,
        'h' || n as resource_id, '' as dimension_value, month + cast(3 + 7 * d as integer) as usage_date,
        'c' || n as owner_party_id, cast((n * 31 + c * 17 + d * 7) % 200 + 0.25 as decimal(38, 12)) as quantity,
        quantity as period_quantity, 'GB' as unit, 1 as sample_count
    from range({customers}) as t(n), range({usage}) as u(c), range({days}) as v(d),
        (select cast(unnest(range(date '2025-01-01', date '2025-01-01' + interval '{months} months', interval 1 month))
            as date) as month)
"""


def write_world(file: Path, customers: int, months: int, days: int) -> None:
    """A warehouse whose lake holds the catalog and whose metered usage is there; nothing of it is rated yet."""
    sizes = {
        "customers": customers,
        "plans": PLANS,
        "usage": USAGE_CHARGES,
        "recurring": RECURRING_CHARGES,
        "days": days,
        "months": months,
    }
    with duckdb.connect(str(file), config={"threads": 2, "memory_limit": "4GB"}) as connection:
        create_empty_lake(connection)
        for relation, query in ROWS.items():
            connection.execute(f'create table lake."{relation} " as from lake."{relation}"')
            connection.execute(f'drop view lake."{relation}"; alter table lake."{relation} " rename to "{relation}"')
            told = f"select *, timestamp '2024-12-01' as recorded_at from ({query.format(**sizes)})"
            connection.execute(f'insert into lake."{relation}" by name {told}')
        for statement in World().given_marts():
            connection.execute(statement)
        connection.execute(USAGE.format(**sizes))
        for zone, period, start, end in month_bounds(["UTC"], "2024-11", "2026-02"):
            connection.execute(
                "insert into lake.months (time_zone, billing_period, starts_at, ends_at) values (?, ?, ?, ?)",
                [zone, period, start, end],
            )
        connection.execute("insert into lake.currencies (currency, minor_unit) values ('EUR', 2)")


def slowest(target: Path, count: int) -> list[tuple[float, str]]:
    """(seconds, model) of the models that took longest."""
    results = json.loads((target / "run_results.json").read_text())["results"]
    timed = sorted(((r["execution_time"], r["unique_id"].split(".")[2]) for r in results), reverse=True)
    return timed[:count]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--days", type=int, default=2)
    arguments = parser.parse_args()
    charges = USAGE_CHARGES + RECURRING_CHARGES
    with tempfile.TemporaryDirectory() as folder:
        file, target = Path(folder) / "rating.duckdb", Path(folder) / "target"
        write_world(file, arguments.customers, arguments.months, arguments.days)
        environment = {
            "METERHOUSE_WAREHOUSE": str(file),
            "METERHOUSE_TARGET": "duckdb",
            "METERHOUSE_TEMP": str(Path(folder) / "temp"),
        }
        dbt = [str(Path(sys.executable).with_name("dbt")), "--quiet"]
        where = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
        where += ["--target-path", str(target), "--log-path", str(target)]
        measured([*dbt, "seed", *where], environment)  # parses the project, too
        end = f"{2025 + arguments.months // 12}-{arguments.months % 12 + 1:02d}-01"
        bounds = ["--event-time-start", "2025-01-01", "--event-time-end", end]
        cost = measured([*dbt, "run", *where, "--select", *MODELS, "--exclude", *INVOICED, *bounds], environment)
        with duckdb.connect(str(file), read_only=True) as connection:
            rows, keys, total = connection.execute(
                "select count(*), count(distinct (billing_period, charge_key)), sum(amount) from fct_rated_charges"
            ).fetchone()
            (unrated,) = connection.execute("select count(*) from fct_unrated_usage").fetchone()
        print(f"{arguments.customers:,} customers x {charges} charges x {arguments.months} months, two cores:")
        print(f"wall {cost.wall:.0f} s, CPU {cost.cpu:.0f} s, peak {cost.peak:.2f} GB")
        print(f"{rows:,} rated rows of {keys:,} keys, {total:,.2f} EUR; {unrated:,} unrated")
        for seconds, model in slowest(target, 12):
            print(f"{seconds:>8.1f} s  {model}")


if __name__ == "__main__":
    main()
