"""The floor: the bench's month from landed Parquet and delivered catalog to marts, written by hand in DuckDB.

`by_hand/{costs,charges,invoices}.sql` have the semantics of the main job and are its oracle: they are derived from the
rules, share nothing with the models, and their tables are compared with the marts row by row. `by_hand/totals.sql` is
the shortest way to what invoices come to, the yardstick of the peers, which make nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

from tests.bench.month import PAYER

BY_HAND = Path(__file__).parent / "by_hand"
# What can be had -> its steps, whose tables stay in a DuckDB file; without steps it is one query, and a Parquet file.
CATALOG_TABLES = ("resource_owners", "agreements", "subscriptions", "charge_prices")  # those the totals read
WAYS = {"floor": ("costs", "charges", "invoices"), "usage": ("usage",), "totals": ()}

# Keys, quantities and money of each table; what else a mart has is either the same on every row or follows from these.
COMPARED = {
    "fct_account_costs": "cost_view, sub_account_id, service_name, sku_id, charge_date, charge_category, component,"
    " commitment_discount_id, origin_account_id, quantity, list_cost, amount",
    "fct_sharing_settlement": "from_account_id, to_account_id, mechanism, amount, lent_amount",
    "fct_account_waterfall": "account_id, step_number, step, commitment_discount_id, other_account_id, amount",
    "fct_rated_charges": "charge_key, agreement_id, seller_id, buyer_id, consumer_id, is_vendor_edge,"
    " charge_period_start, charge_period_end, component, tier, quantity, unit_price, amount, upstream_amount,"
    " price_rule_id",
    "fct_margin": "agreement_id, seller_id, buyer_id, charge_key, buy_amount, sell_amount, margin",
    "fct_invoice_lines": "invoice_id, line_id, line_number, agreement_id, seller_id, buyer_id, charge_key, quantity,"
    " unit_price, exact_amount, amount",
    "fct_invoices": "invoice_id, agreement_id, seller_id, buyer_id, net_amount, tax_amount, total_amount",
}


def landed(lake: Path, table: str = "aws_cur/line_items") -> list[str]:
    """The Parquet files of a landed table."""
    return sorted(map(str, (lake / "landed" / table).rglob("*.parquet")))


def by_hand(what: str, out: Path, files: Iterable[str], catalog: Path) -> list[str]:
    """One of WAYS as a process of its own; `out` must not be there yet."""
    return [sys.executable, "-m", "tests.bench.floor", what, str(out), str(catalog), *files]


def agree_row_by_row(warehouse: Path, floor: Path) -> dict[str, int]:
    """Mart -> its rows, all the same on both sides; raises AssertionError naming rows that one side alone has."""
    import duckdb

    rows = {}
    with duckdb.connect() as connection:
        connection.execute(f"attach '{warehouse}' as house (read_only); attach '{floor}' as floor (read_only)")
        for mart, columns in COMPARED.items():
            ours, by_hand = (f"(select {columns} from {where}.{mart})" for where in ("house", "floor"))
            for side, query in (
                ("the main job", f"{ours} except all {by_hand}"),
                ("the floor", f"{by_hand} except all {ours}"),
            ):
                alone = connection.execute(f"from ({query}) limit 3").fetchall()
                if alone:
                    raise AssertionError(f"{mart} has rows of {side} alone, such as {columns}: {alone}")
            rows[mart] = connection.execute(f"select count(*) from house.{mart}").fetchone()[0]
    return rows


def agree_to_the_cent(one: Path, other: Path) -> tuple[int, Decimal]:
    """Number of invoices and their total; raises AssertionError where one differs. Each side is a warehouse, or a
    Parquet or CSV file of agreement_id and net_amount.
    """
    import duckdb

    with duckdb.connect() as connection:
        for name, file in (("one", one), ("other", other)):
            if file.suffix == ".parquet":
                connection.execute(f"create view {name} as from read_parquet('{file}')")
            elif file.suffix == ".csv":
                types = "types = {net_amount: 'decimal(24, 2)'}"
                connection.execute(f"create view {name} as from read_csv('{file}', {types})")
            else:
                connection.execute(f"attach '{file}' as {name}_file (read_only)")
                connection.execute(f"create view {name} as from {name}_file.fct_invoices")
        differing = connection.execute(
            "select coalesce(one.agreement_id, other.agreement_id), one.net_amount, other.net_amount"
            " from one full join other using (agreement_id)"
            " where one.net_amount is distinct from other.net_amount limit 5"
        ).fetchall()
        if differing:
            raise AssertionError(f"{one.stem} and {other.stem} differ: {differing}")
        return connection.execute("select count(*), sum(net_amount) from one").fetchone()


def main() -> None:
    import duckdb

    what, out, catalog, *files = sys.argv[1:]
    # Written as the warehouse is: text is tried in one way, not in three (3 of 14 CPU-s at 4 million lines).
    form = {"storage_compatibility_version": "v1.4.0"}
    with duckdb.connect(out if WAYS[what] else ":memory:", config=form) as connection:
        connection.execute("set threads = 2; set preserve_insertion_order = false")
        for name, value in {"files": files, "catalog": catalog, "payer": PAYER}.items():
            connection.execute(f"set variable {name} = $value", {"value": value})
        for step in WAYS[what]:
            connection.execute((BY_HAND / f"{step}.sql").read_text("utf-8"))
        if not WAYS[what]:
            connection.execute("create view lines as from read_parquet(getvariable('files'))")
            for table in CATALOG_TABLES:
                file = Path(catalog) / f"{table}.csv"
                connection.execute(f"create view {table} as from read_csv('{file}', all_varchar = true)")
            query = (BY_HAND / f"{what}.sql").read_text("utf-8")
            connection.execute(f"copy ({query}) to '{out}' (format parquet)")


if __name__ == "__main__":
    main()
