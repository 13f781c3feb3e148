"""What a row of the catalog may not leave open: usage without a meter would never be charged, a fixed price without a
number would be 0, and nobody would see either.
"""

from __future__ import annotations

import polars as pl

from ingestion.contracts import Contract
from ingestion.deliveries import Refused

# Table -> (which rows, the column to look at, what is wrong and what to write instead).
FAULTS = {
    "plan_charges": [
        (
            (pl.col("charge_type") == "usage") & (pl.col("charge_model") != "flat") & pl.col("meter_id").is_null(),
            "meter_id",
            "a usage charge without a meter charges nothing; name the meter, or make it a flat or recurring charge",
        ),
        (
            (pl.col("discount") < 0) | (pl.col("discount") > 1),
            "discount",
            "a discount is a share of 1, so 0.2 is 20 %; write it so",
        ),
    ],
    "price_rules": [
        (
            (pl.col("kind") == "fixed") & pl.col("value").is_null(),
            "value",
            "a fixed price without a number would charge nothing; write the price of one unit, 0 where it is free",
        ),
        (
            (pl.col("kind") == "discount") & (pl.col("value") > 1),
            "value",
            "a discount is a share of 1, so 0.2 is 20 %; write it so",
        ),
    ],
    "fx_rates": [
        (
            pl.col("rate") <= 0,
            "rate",
            "a rate is units of to_currency for one from_currency, so above 0; correct it or leave the row out",
        ),
    ],
}


def check_values(rows: pl.DataFrame, contract: Contract, key: str) -> None:
    """Raises Refused, naming row, column and remedy, at the first row that could not charge what it says."""
    for fault, column, problem in FAULTS.get(contract.table, []):
        found = rows.filter(fault).sort("source_row")
        if not found.is_empty():
            raise Refused(
                f"{key}, row {found['source_row'][0]}, column {column}: {problem} "
                f"(contract {contract.id} {contract.version}); deliver the table again"
            )
