"""What the tiers of a price may not be: two for one quantity, or of no width. Judges a typed table of prices.

Either would price a quantity twice or never. What tiers leave open, between two of them or past the last, is no
contradiction: usage that falls there is listed as unrated (`price_gap`) and holds the close.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from ingestion.contracts import Contract
from ingestion.deliveries import Refused

SINCE_EVER, FOR_EVER = date(1, 1, 1), date(9999, 12, 31)


def check_tiers(rows: pl.DataFrame, contract: Contract, by: list[str], key: str) -> None:
    """Raises Refused, naming rows, columns and remedy, where tiers of the same `by` contradict each other on some day.

    Numbered tiers (`charge_prices`) are parts of one version: they hold on its days, and are numbered by their bounds.
    """
    is_numbered = "tier" in rows.columns
    tiers = rows.select(
        *(pl.col(name).fill_null("ANY") for name in by),
        "source_row",
        pl.col("valid_from").fill_null(SINCE_EVER).alias("starts"),
        pl.col("valid_to").fill_null(FOR_EVER).alias("ends"),
        pl.col("lower").fill_null(0),
        "upper",
        (pl.col("tier").fill_null(1) if is_numbered else pl.lit(1, pl.Int64)).alias("tier"),
    )
    narrow = tiers.filter((pl.col("lower") < 0) | (pl.col("upper") <= pl.col("lower"))).sort("source_row")
    if not narrow.is_empty():
        row, column = narrow["source_row"][0], "lower" if narrow["lower"][0] < 0 else "upper"
        raise Refused(
            f"{key}, row {row}, column {column}: a tier holds what is above its lower bound, which is 0 or more, up to "
            f"its upper one, which is greater (contract {contract.id} {contract.version}); "
            "correct the bounds and deliver the table again"
        )
    several = tiers.filter(pl.len().over(by) > 1, pl.col("starts") < pl.col("ends"))
    pairs = several.join(several, on=by, suffix="_other").filter(
        pl.col("source_row") < pl.col("source_row_other"),
        pl.col("starts") < pl.col("ends_other"),
        pl.col("starts_other") < pl.col("ends"),
    )
    of_two_versions = (pl.col("starts") != pl.col("starts_other")) | (pl.col("ends") != pl.col("ends_other"))
    overlap = (pl.col("upper").is_null() | (pl.col("lower_other") < pl.col("upper"))) & (
        pl.col("upper_other").is_null() | (pl.col("lower") < pl.col("upper_other"))
    )
    out_of_order = (pl.col("tier") < pl.col("tier_other")) != (pl.col("lower") < pl.col("lower_other"))
    faults = [
        (overlap, "lower and upper", "both hold for some quantity", "begin each tier where the one below it ends"),
    ]
    if is_numbered:
        faults = [
            (
                of_two_versions,
                "valid_from and valid_to",
                "hold on the same days, but not on all",
                "give all tiers of one version the same days, and end a version the day the next one starts",
            ),
            *faults,
            (out_of_order, "tier", "are numbered against their bounds", "number tiers from the lowest"),
        ]
    for fault, columns, problem, remedy in faults:
        found = pairs.filter(fault).sort("source_row", "source_row_other")
        if not found.is_empty():
            one, other = found["source_row"][0], found["source_row_other"][0]
            raise Refused(
                f"{key}, rows {one} and {other}, columns {columns}: two tiers of one {', '.join(by)} {problem} "
                f"(contract {contract.id} {contract.version}); {remedy} and deliver the table again"
            )
