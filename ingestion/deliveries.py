"""What the steps of ingestion hand to one another: inbox -> source -> lake.

Plain values only. Finding lives in `inbox.py` and `sources/`, landing in `lake.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import polars as pl
import pyarrow as pa


@dataclass(frozen=True, slots=True)
class File:
    """One file as the inbox lists it. `etag` changes when its bytes do."""

    key: str  # below the inbox, with "/"
    size: int  # bytes
    etag: str
    modified_at: str = ""  # ISO instant, UTC; when the storage received it


@dataclass(frozen=True, slots=True)
class Found:
    """One delivery seen in the inbox, whole or not.

    `period` is `YYYY-MM`, or None where the rows decide. Of two deliveries of one
    (feed, table, account, period) that replace one another the greater `version` wins;
    `version` comes from the producer (manifest time and id), never from arrival.
    """

    feed: str
    table: str
    account: str  # payer account, folder of a FOCUS export, edge host; "" for the catalog
    period: str | None
    version: str
    name: str  # the producer's own name: report/assembly, file name, delivered_at
    files: tuple[File, ...]
    status: Literal["complete", "incomplete", "rejected", "held"] = "complete"
    reason: str = ""
    details: Mapping[str, str] = field(default_factory=dict)  # kept in the manifest; aws_cur: `report`


@dataclass(frozen=True, slots=True)
class Terms:
    """What the catalog in the lake says about deliveries, as last delivered."""

    authoritative_report: Mapping[str, str] = field(default_factory=dict)  # payer account -> report name


@dataclass(slots=True)
class Rows:
    """A batch read from a delivery, in memory; readers yield many, so memory stays flat.

    `good` has the contract's columns in their order and types, then `source_file` (text) and
    `source_row` (1-based, counted over the data rows of that file).
    `rejected` has `source_file, source_row, reason, column_name, payload` (payload: the row as JSON text).
    """

    period: str  # YYYY-MM the rows belong to in the lake; "" for the catalog
    good: pl.DataFrame
    rejected: pl.DataFrame
    messages: tuple[str, ...] = ()  # what a human should know of the delivery; never values of rows


OWN_COLUMNS = ("source_file", "source_row")  # what readers put beside a delivered row


def delivered_name(name: str) -> str:
    """The name a delivered column goes by: its own, unless readers give that to a column of theirs."""
    return f"delivered {name}" if name in OWN_COLUMNS else name


class Refused(Exception):
    """A file or delivery that is refused whole: the message names file, row, column, contract version and remedy."""


# What a reader may raise at contents nobody thought of. Not what the disk says, nor that rows were lost on the way.
UNFORESEEN = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    pa.ArrowException,
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
)
