"""What a plan's charge may not leave open: usage without a meter would never be charged, and nobody would see it."""

from __future__ import annotations

import polars as pl

from ingestion.contracts import Contract
from ingestion.deliveries import Refused


def check_charges(rows: pl.DataFrame, contract: Contract, key: str) -> None:
    """Raises Refused, naming row, column and remedy, at the first charge that could never charge what it says."""
    faults = [
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
    ]
    for fault, column, problem in faults:
        found = rows.filter(fault).sort("source_row")
        if not found.is_empty():
            raise Refused(
                f"{key}, row {found['source_row'][0]}, column {column}: {problem} "
                f"(contract {contract.id} {contract.version}); deliver the table again"
            )
