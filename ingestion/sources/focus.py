"""FOCUS Cost and Usage of any provider: deliveries -> batches of typed rows.

`find` (`focus_find.py`, `bill_deliveries.py`) says which deliveries the inbox holds; `read` streams one of them: open
by magic (`bill_files.py`), bring columns, maps and values to one spelling (`bill_columns.py`, `focus_values.py`), cast
under the contract, and keep apart what belongs to another month. Landing is not done here, nor any arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from ingestion.contracts import Contract, cast
from ingestion.deliveries import Found, Rows, Terms
from ingestion.sources.bill_columns import canonical
from ingestion.sources.bill_files import batches, kept_apart, of_another_month, unknown_columns
from ingestion.sources.bill_manifests import is_manifest
from ingestion.sources.focus_find import FEED, FOLDER, find_deliveries
from ingestion.sources.focus_values import one_spelling, without_null_texts
from ingestion.storage import Storage

__all__ = ["FEED", "FOLDER", "find", "read"]

PERIOD_START = "billing_period_start"


def find(inbox: Storage, period: str | None, terms: Terms) -> list[Found]:
    """Deliveries of `period` (YYYY-MM; None: all), whole or not, ordered by account, period and version."""
    return find_deliveries(inbox, period)


def read(inbox: Storage, found: Found, contract: Contract) -> Iterator[Rows]:
    """Batches of the delivery's rows, file by file; raises Refused to reject the delivery whole."""
    reported: set[str] = set()
    for file in found.files:
        if is_manifest(file.key):
            continue  # stands in the delivery of an empty month only
        for texts, rejected, file_plan, floats in batches(inbox, file, contract):
            delivered = without_null_texts(texts.drop("source_file", "source_row", strict=False), contract)
            rows = one_spelling(canonical(delivered, file_plan, contract, floats), contract).with_columns(
                texts["source_row"], pl.lit(file.key).alias("source_file")
            )
            good, uncast = cast(rows, contract)
            other_period = ("other_period", PERIOD_START, of_another_month(good[PERIOD_START], found.period))
            good, strays = kept_apart(good, rows, other_period)
            messages = unknown_columns(file_plan, reported, contract)
            yield Rows(found.period or "", good, pl.concat([rejected, uncast, strays]), messages)
