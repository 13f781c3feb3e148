"""What a catalog table may not say: two things at once, or what has no meaning. Runs on a whole typed table; refuses it
or lets it pass.

An empty match column means any, so it equals another empty one here (and the word ANY, which stands for it in SQL).
"""

from __future__ import annotations

import polars as pl

from ingestion.contracts import Contract
from ingestion.deliveries import Refused
from ingestion.sources.catalog_edges import check_edges
from ingestion.sources.catalog_meters import check_meters
from ingestion.sources.catalog_tiers import FOR_EVER, SINCE_EVER, check_tiers
from ingestion.sources.catalog_values import check_values

TIERS = {
    "charge_prices": ["charge_id", "dimension_value"],
    "vendor_prices": ["vendor", "service", "sku", "usage_type", "pool", "currency"],
}
NAMED_AT_MOST = 5  # pairs of rows a message names


def check(rows: pl.DataFrame, contract: Contract, key: str) -> None:
    """Raises Refused, naming rows and remedy, where two rows hold for one thing on one day, edges form a circle,
    tiers overlap, or a meter, a charge, a price or a rate could measure or charge nothing."""
    groups = [[column.name for column in contract.columns if column.key]]
    groups += contract.properties.get("oneAtATime", [])
    for columns in filter(None, groups):
        _check_one_at_a_time(rows, contract, columns, key)
    if contract.table == "agreements":
        check_edges(rows, contract, key)
    if contract.table == "meters":
        check_meters(rows, contract, key)
    check_values(rows, contract, key)
    if contract.table in TIERS:
        check_tiers(rows, contract, TIERS[contract.table], key)


def _check_one_at_a_time(rows: pl.DataFrame, contract: Contract, columns: list[str], key: str) -> None:
    by = [_comparable(contract, name) for name in columns]
    has_validity = {"valid_from", "valid_to"} <= set(rows.columns)
    starts = pl.col("valid_from").fill_null(SINCE_EVER) if has_validity else pl.lit(SINCE_EVER)
    ends = pl.col("valid_to").fill_null(FOR_EVER) if has_validity else pl.lit(FOR_EVER)
    ordered = (
        rows.select(*by, "source_row", starts.alias("starts"), ends.alias("ends"))
        .filter(pl.col("starts") < pl.col("ends"))  # [a, a) holds on no day
        .sort(*columns, "starts", "source_row")
    )
    # Rows overlap exactly where one starts before the latest end so far among its like.
    latest = pl.col("ends").cum_max().shift(1).over(columns)
    former = pl.col("source_row").shift(1).over(columns)
    clashes = ordered.with_columns(latest.alias("latest"), former.alias("former")).filter(
        pl.col("starts") < pl.col("latest")
    )
    if clashes.is_empty():
        return
    pairs = [f"{former} and {row}" for former, row in clashes.select("former", "source_row").head(NAMED_AT_MOST).rows()]
    more = f" and {clashes.height - NAMED_AT_MOST} more" if clashes.height > NAMED_AT_MOST else ""
    problem = "hold on the same days for the same" if has_validity else "have the same"
    remedy = "end one the day the other starts (valid_to is exclusive)" if has_validity else "keep one of them"
    raise Refused(
        f"{key}: rows {', '.join(pairs)}{more} {problem} {', '.join(columns)} "
        f"(contract {contract.id} {contract.version}); {remedy} and deliver the table again"
    )


def _comparable(contract: Contract, name: str) -> pl.Expr:
    """The column with what its emptiness means, so that empty equals empty."""
    column = next(column for column in contract.columns if column.name == name)
    meaning = column.properties.get("emptyMeans", "ANY" if column.type == "varchar" else None)
    return pl.col(name) if meaning is None else pl.col(name).fill_null(pl.lit(meaning).cast(contract.schema()[name]))
