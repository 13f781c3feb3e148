"""What a row of the catalog may not leave open: usage without a meter would never be charged, a fixed price without a
number would be 0, and nobody would see either.
"""

from __future__ import annotations

import polars as pl

from ingestion.contracts import Contract
from ingestion.deliveries import Refused

A_SHARE = "is a share of 1, so 0.2 is 20 %; write it so"

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
            f"a discount {A_SHARE}",
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
            f"a discount {A_SHARE}",
        ),
    ],
    "fx_rates": [
        (
            pl.col("rate") <= 0,
            "rate",
            "a rate is units of to_currency for one from_currency, so above 0; correct it or leave the row out",
        ),
    ],
    "agreements": [
        (
            pl.col("fx_fixed_rate") <= 0,
            "fx_fixed_rate",
            "a rate of 0 or less would charge nothing; write one above 0, or leave it empty",
        ),
    ],
    "tax_rates": [((pl.col("rate") < 0) | (pl.col("rate") > 1), "rate", f"a tax rate {A_SHARE}")],
    "adjustments": [
        ((pl.col("share") < 0) | (pl.col("share") > 1), "share", f"what is taken off {A_SHARE}"),
        (pl.col("amount") < 0, "amount", "an adjustment takes its amount off; write it without the minus"),
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
