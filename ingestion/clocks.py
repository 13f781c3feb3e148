"""Samples and events whose clock was wrong: later than their file came, or from before anybody metered (fault 38).

Which column is a clock, and how far it may be off, are properties of the contract: `clockAheadSeconds`, `notBefore`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from ingestion.casting import payloads
from ingestion.contracts import REJECTED_SCHEMA, Column, Contract


def clock_column(contract: Contract) -> Column | None:
    """The column that holds when a row happened, by its producer's clock; None where a contract has none."""
    return next((column for column in contract.columns if "clockAheadSeconds" in column.properties), None)


def split(good: pl.DataFrame, contract: Contract, received_at: str) -> tuple[pl.DataFrame, pl.DataFrame, list[str]]:
    """(rows whose clock can be right, the others as rejected rows, what a human should know of them).

    `received_at` is the ISO instant at which the storage got the delivery's last file; without it nothing is too late.
    """
    column = clock_column(contract)
    if column is None or good.is_empty():
        return good, pl.DataFrame(schema=REJECTED_SCHEMA), []
    told, earliest = pl.col(column.name), datetime.fromisoformat(str(column.properties["notBefore"]))
    reason, latest = pl.when(told < earliest).then(pl.lit("too_old")), datetime.max
    if received_at:
        received = datetime.fromisoformat(received_at).replace(tzinfo=None)
        latest = received + timedelta(seconds=column.properties["clockAheadSeconds"])
        reason = reason.when(told > latest).then(pl.lit("clock_ahead"))
    ends = good[column.name].min(), good[column.name].max()
    if None not in ends and earliest <= ends[0] and ends[1] <= latest:  # type: ignore[operator]
        return good, pl.DataFrame(schema=REJECTED_SCHEMA), []
    reasons = good.select(reason.otherwise(None).alias("reason")).to_series()
    wrong = reasons.is_not_null()
    if not wrong.any():
        return good, pl.DataFrame(schema=REJECTED_SCHEMA), []
    rows = good.filter(wrong)
    rejected = pl.DataFrame(
        [
            rows["source_file"],
            rows["source_row"],
            reasons.filter(wrong),
            pl.Series("column_name", [column.name] * rows.height),
            payloads(rows.drop("source_file", "source_row").select(pl.all().cast(pl.String))),
        ]
    )
    messages = []
    if (ahead := rows.filter(reasons.filter(wrong) == "clock_ahead")).height:
        most = (ahead[column.name].max() - received).total_seconds()  # type: ignore[operator, union-attr]
        messages.append(
            f"{ahead.height} rows quarantined: their {column.name} is up to {most:.0f} s after the file was received; "
            "set the agent's clock"
        )
    if old := rows.height - ahead.height:
        messages.append(
            f"{old} rows quarantined: their {column.name} is before {column.properties['notBefore']}; "
            "set the agent's clock"
        )
    return good.filter(~wrong), rejected, messages
