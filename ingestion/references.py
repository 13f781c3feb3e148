"""Rows that name what does not exist: catalog tables refer to one another by the contracts' `references`.

A row is checked against the rows that stand at its delivery's time: the referred table's of the same delivery, else its
former one. Tables are landed in the order of `rank`, so what is checked against has landed before.
"""

from __future__ import annotations

from functools import cache

import polars as pl

from ingestion.casting import payloads
from ingestion.contracts import REJECTED_SCHEMA, Contract, load_contract
from ingestion.lake import Lake


def referred(contract: Contract) -> dict[str, tuple[str, str]]:
    """Column -> (table, column) it refers to."""
    named = {column.name: column.properties.get("references") for column in contract.columns}
    return {name: tuple(target.split(".")) for name, target in named.items() if target}  # type: ignore[misc]


@cache
def rank(table: str) -> int:
    """0 for a catalog table that refers to none; else one more than the highest it refers to."""
    tables = {target for target, _ in referred(load_contract(f"catalog.{table}")).values()}
    return max((rank(target) + 1 for target in tables), default=0)


def judges(contract: Contract, lake: Lake, recorded_at: str) -> list[str]:
    """Ids of the deliveries the references are checked against, ordered by table; "" for one never delivered."""
    tables = sorted({table for table, _ in referred(contract).values()})
    standing = [lake.standing(table, recorded_at) for table in tables]
    return [delivery.delivery_id if delivery else "" for delivery in standing]


class References:
    """The values that rows of one delivery may refer to."""

    def __init__(self, contract: Contract, lake: Lake, recorded_at: str) -> None:
        self._allowed: dict[str, tuple[str, pl.Series]] = {}
        for name, (table, column) in referred(contract).items():
            rows = lake.rows_of(table, recorded_at, [column])
            known = pl.Series(column, [], dtype=pl.String) if rows is None else rows[column].drop_nulls().unique()
            self._allowed[name] = (f"{table}.{column}", known)

    def split(self, good: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """(rows whose references exist, orphans as rejected rows). An empty reference refers to nothing and is fine."""
        blamed = pl.Series("column_name", [None], dtype=pl.String).new_from_index(0, good.height)
        for name, (_, known) in self._allowed.items():
            lost = good[name].is_not_null() & ~good[name].is_in(known.implode()).fill_null(True) & blamed.is_null()
            blamed = blamed.set(lost, name)
        orphan = blamed.is_not_null()
        if not orphan.any():
            return good, pl.DataFrame(schema=REJECTED_SCHEMA)
        lost_rows = good.filter(orphan)
        texts = lost_rows.drop("source_file", "source_row").select(pl.all().cast(pl.String))
        rejected = pl.DataFrame(
            [
                lost_rows["source_file"],
                lost_rows["source_row"],
                pl.Series("reason", ["orphan"] * lost_rows.height),
                blamed.filter(orphan).alias("column_name"),
                payloads(texts),
            ]
        )
        return good.filter(~orphan), rejected

    def explain(self, rejected: pl.DataFrame) -> list[str]:
        """One sentence per column that has orphans; counts, no values."""
        counts = rejected.group_by("column_name").len().sort("column_name")
        return [
            f"{count} rows quarantined: their {name} is no {self._allowed[name][0]}; deliver it there, then these again"
            for name, count in counts.iter_rows()
        ]
