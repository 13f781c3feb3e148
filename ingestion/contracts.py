"""Contract -> schema: reads `data_contracts/inbound/*.odcs.yaml` (ODCS v3) into plain values.

Every landed table has the contract's columns, then `TECHNICAL_COLUMNS`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

CONTRACTS = Path(__file__).parent.parent / "data_contracts"

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
