"""The floor's job as somebody would write it with a library he knows: landed Parquet and catalog to invoice totals.

`python -m tests.bench.peers polars|pandas OUT CATALOG FILE...`. What differs is the reading and grouping of the
lines, nearly all of the work; from four groups a customer on, both go through exact Python decimals.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import ROUND_HALF_UP, Context, Decimal
from pathlib import Path

Cost = tuple[str, str, str, Decimal]  # account, service, SKU, effective cost

KEYS = ["line_item_usage_account_id", "line_item_product_code", "product_sku"]
TYPE = "line_item_line_item_type"
COST_OF_TYPE = {
    "Usage": "line_item_unblended_cost",
    "DiscountedUsage": "reservation_effective_cost",
    "SavingsPlanCoveredUsage": "savings_plan_savings_plan_effective_cost",
}
EXACT = Context(prec=76, rounding=ROUND_HALF_UP)
CENT, STORED = Decimal("0.01"), Decimal("0.000000000001")


def grouped_by_polars(files: list[Path]) -> Iterator[Cost]:
    import polars as pl

    cost = pl.lit(0, pl.Decimal(38, 18))
    for line_type, column in COST_OF_TYPE.items():
        cost = pl.when(pl.col(TYPE) == line_type).then(pl.col(column)).otherwise(cost)
    lines = pl.scan_parquet(files).group_by(KEYS).agg(cost.sum().alias("cost"))
    return lines.collect(engine="streaming").iter_rows()


def grouped_by_pandas(files: list[Path]) -> Iterator[Cost]:
    import pandas as pd

    columns = [*KEYS, TYPE, *COST_OF_TYPE.values()]
    lines = pd.concat([pd.read_parquet(file, columns=columns, dtype_backend="pyarrow") for file in files])
    # Of a decimal column of Arrow's pandas sums no group: every amount becomes a Python object.
    lines["cost"] = Decimal(0)
    for line_type, column in COST_OF_TYPE.items():
        of_type = lines[TYPE] == line_type
        lines.loc[of_type, "cost"] = lines.loc[of_type, column].astype(object)
    return lines.groupby(KEYS)["cost"].sum().reset_index().itertuples(index=False, name=None)


def invoiced(costs: Iterable[Cost], catalog: Path) -> dict[str, Decimal]:
    """Agreement -> its net amount; tiers and mark-ups are those of `tests.bench.month`."""
    customer = {row["resource_id"]: row["party_id"] for row in _table(catalog, "resource_owners")}
    edge = {row["buyer_id"]: (row["agreement_id"], row["seller_id"]) for row in _table(catalog, "agreements")}
    exact: dict[str, Decimal] = defaultdict(Decimal)
    for account, service, _, cost in costs:
        agreement, seller = edge[customer[account]]
        resold = _rounded(EXACT.multiply(_rounded(Decimal(cost), STORED), Decimal("1.03")), STORED)
        exact[f"a-{seller}"] = EXACT.add(exact[f"a-{seller}"], resold)
        markup = Decimal("1.08" if service == "Service3" else "1.05")
        exact[agreement] = EXACT.add(exact[agreement], _rounded(EXACT.multiply(resold, markup), STORED))
    tiers = _table(catalog, "charge_prices")
    for seats in _table(catalog, "subscriptions"):
        for tier in tiers:
            part = min(int(seats["quantity"]), int(tier["upper"] or seats["quantity"])) - int(tier["lower"])
            if part > 0:
                exact[edge[seats["buyer_id"]][0]] += part * Decimal(tier["unit_price"]) + Decimal(tier["flat_fee"])
    return {charged: _rounded(amount, CENT) for charged, amount in exact.items()}


def _rounded(amount: Decimal, unit: Decimal) -> Decimal:
    return amount.quantize(unit, context=EXACT)


def _table(catalog: Path, name: str) -> list[dict[str, str]]:
    with (catalog / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


PEERS = {"polars": grouped_by_polars, "pandas": grouped_by_pandas}


def main() -> None:
    import polars as pl

    peer, out, catalog, *files = sys.argv[1:]
    totals = invoiced(PEERS[peer]([Path(file) for file in files]), Path(catalog))
    schema = {"agreement_id": pl.String, "net_amount": pl.Decimal(38, 2)}
    pl.DataFrame(list(totals.items()), schema=schema, orient="row").write_parquet(out)


if __name__ == "__main__":
    main()
