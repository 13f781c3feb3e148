"""Contract -> schema and casts: reads `data_contracts/inbound/*.odcs.yaml` (ODCS v3) into plain values, and makes typed
rows of delivered texts under them.

Every landed table has the contract's columns, then `TECHNICAL_COLUMNS`. Finding and reading files is the sources' part.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from ingestion.casting import cast_column, payloads, physical_type
from ingestion.deliveries import Refused

CONTRACTS = Path(__file__).parent.parent / "data_contracts"

REJECTED_SCHEMA = {
    "source_file": pl.String(),
    "source_row": pl.Int64(),
    "reason": pl.String(),
    "column_name": pl.String(),
    "payload": pl.String(),  # the row as delivered, a JSON object
}

TECHNICAL_COLUMNS = {
    "delivery_id": "varchar",  # of the delivery that brought the row
    "source_file": "varchar",  # key below the inbox
    "source_row": "bigint",  # 1-based among the data rows of the file
    "billing_period": "date",  # month under which the row lies in the lake; null for the catalog
}


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str  # DuckDB spelling: varchar, date, timestamp, bigint, boolean, decimal(p,s)
    required: bool
    description: str
    key: bool = False
    properties: dict[str, Any] = field(default_factory=dict)  # ODCS custom properties by name

    @property
    def aliases(self) -> list[str]:
        """Delivered names of the column besides its own."""
        return list(self.properties.get("aliases", []))


@dataclass(frozen=True, slots=True)
class Contract:
    feed: str
    table: str
    version: str
    columns: tuple[Column, ...]
    properties: dict[str, Any]

    @property
    def id(self) -> str:
        return f"{self.feed}.{self.table}"

    @property
    def relation(self) -> str:
        """Name of the table in the warehouse's `lake` schema."""
        return f"{self.feed}__{self.table}"

    @property
    def naive_is_utc(self) -> bool:
        """Whether a timestamp without a zone is UTC; otherwise it has no meaning."""
        return self.properties.get("naiveTimestamps") == "UTC"

    @property
    def asks_iso(self) -> bool:
        """Whether what is no ISO 8601 instant is told so: dates of other spellings are to be expected here."""
        return self.properties.get("instants") == "ISO 8601"

    def schema(self) -> dict[str, pl.DataType]:
        """Polars types of a cast frame: the contract's columns, then source_file and source_row."""
        types = {column.name: physical_type(column.type) for column in self.columns}
        return types | {"source_file": pl.String(), "source_row": pl.Int64()}

    def landed_columns(self) -> dict[str, str]:
        """Column name -> DuckDB type of the landed Parquet, in order."""
        return {column.name: column.type for column in self.columns} | TECHNICAL_COLUMNS


def _custom(node: dict[str, Any]) -> dict[str, Any]:
    return {entry["property"]: entry["value"] for entry in node.get("customProperties", [])}


@cache
def load_contract(contract_id: str) -> Contract:
    """The inbound contract `<feed>.<table>`; raises FileNotFoundError where there is none."""
    document = yaml.load((CONTRACTS / "inbound" / f"{contract_id}.odcs.yaml").read_text("utf-8"), yaml.CSafeLoader)
    feed, table = contract_id.split(".")
    columns = tuple(
        Column(
            name=node["name"],
            type=node["physicalType"],
            required=node.get("required", False),
            description=node.get("description", ""),
            key=node.get("primaryKey", False),
            properties=_custom(node),
        )
        for node in document["schema"][0]["properties"]
    )
    return Contract(feed, table, document["version"], columns, _custom(document))


def inbound_contracts() -> list[Contract]:
    """All inbound contracts, ordered by id."""
    return [
        load_contract(path.name.removesuffix(".odcs.yaml"))
        for path in sorted((CONTRACTS / "inbound").glob("*.odcs.yaml"))
    ]


def cast(frame: pl.DataFrame, contract: Contract, key: str = "the file") -> tuple[pl.DataFrame, pl.DataFrame]:
    """Delivered texts -> (good, rejected), under the contract's names; every row ends in exactly one of the two.

    `frame` has String columns under canonical names (columns that are not required may be absent, unknown ones are
    left out), `source_file` and `source_row`. An empty text is a missing value. `good` has `contract.schema()`,
    `rejected` REJECTED_SCHEMA and one row per row: the first column at fault, in the contract's order, is blamed.
    Column properties: `onInvalid: null` keeps the row, the text goes to the column `extra`; `neededFor: [values]` does
    so unless the contract's `neededForColumn` has one of the values. Of each list of the contract's `needsOneOf` a row
    must fill at least one column. Raises Refused where a required column is absent, naming `key` where no row names a
    file.
    """
    absent = [column.name for column in contract.columns if column.required and column.name not in frame.columns]
    if absent:
        files = ", ".join(frame["source_file"].unique().sort().to_list()) or key
        raise Refused(
            f"{files}: required column {', '.join(absent)} is missing (contract {contract.id} {contract.version}); "
            "deliver the file again with it, or add the column's new name to the contract's aliases"
        )
    values: dict[str, pl.Series] = {}
    reason = pl.Series("reason", [None], dtype=pl.String).new_from_index(0, frame.height)
    blamed = reason.alias("column_name")
    spilled: dict[str, pl.Series] = {}
    for column in contract.columns:
        if column.name not in frame.columns:
            values[column.name] = pl.Series([None], dtype=physical_type(column.type)).new_from_index(0, frame.height)
            continue
        text = frame[column.name]
        if (empty := text == "").any():
            text = text.set(empty, None)
        outcome = cast_column(text, column, contract.naive_is_utc, contract.asks_iso)
        values[column.name], why = outcome.values, outcome.why
        if why is not None and (kept := _kept_without(frame, column, contract)) is not None:
            spilled[column.name] = text.set(why.is_null() | ~kept, None)
            why = why.set(kept, None)
        if column.required and (missing := text.is_null()).any():
            why = pl.Series([None], dtype=pl.String).new_from_index(0, frame.height) if why is None else why
            why = why.set(missing, "missing_required")
        if why is not None:
            first = why.is_not_null() & reason.is_null()
            reason = reason.zip_with(~first, why)
            blamed = blamed.set(first, column.name)
    for names in contract.properties.get("needsOneOf", []):
        empty_row = pl.DataFrame([values[name].alias(name) for name in names]).select(
            pl.all_horizontal(pl.all().is_null())
        )
        lacking = empty_row.to_series() & reason.is_null()
        reason = reason.set(lacking, "missing_required")
        blamed = blamed.set(lacking, " or ".join(names))
    good = pl.DataFrame([series.alias(name) for name, series in values.items()]).with_columns(
        frame["source_file"], frame["source_row"].cast(pl.Int64)
    )
    good = _with_spilled(good, spilled)
    bad = reason.is_not_null()
    if not bad.any():
        return good, pl.DataFrame(schema=REJECTED_SCHEMA)
    named = [column.name for column in contract.columns if column.name in frame.columns]
    rejected = pl.DataFrame(
        [
            frame["source_file"].filter(bad),
            frame["source_row"].cast(pl.Int64).filter(bad),
            reason.filter(bad).alias("reason"),
            blamed.filter(bad).alias("column_name"),
            payloads(frame.select(named).filter(bad)),
        ]
    )
    return good.filter(~bad), rejected


def _kept_without(frame: pl.DataFrame, column: Column, contract: Contract) -> pl.Series | None:
    """Rows that do without this column where its text is no value; None: none does."""
    if column.properties.get("onInvalid") == "null":
        return pl.Series([True]).new_from_index(0, frame.height)
    if "neededFor" in column.properties:
        line_type = frame[contract.properties["neededForColumn"]]
        return ~line_type.is_in(list(column.properties["neededFor"])).fill_null(False)
    return None


def _with_spilled(good: pl.DataFrame, spilled: dict[str, pl.Series]) -> pl.DataFrame:
    """Texts that were no value go to `extra`, beside what the delivery itself put there."""
    if not spilled or "extra" not in good.columns:
        return good
    texts = pl.DataFrame([series.alias(name) for name, series in spilled.items()])
    touched = texts.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
    merged = []
    for row, known in zip(texts.filter(touched).to_dicts(), good["extra"].filter(touched), strict=True):
        entries = (json.loads(known) if known else {}) | {name: text for name, text in row.items() if text is not None}
        merged.append(json.dumps(entries, ensure_ascii=False, sort_keys=True, separators=(",", ":")))
    if not merged:
        return good
    return good.with_columns(good["extra"].scatter(touched.arg_true(), pl.Series(merged, dtype=pl.String)))
