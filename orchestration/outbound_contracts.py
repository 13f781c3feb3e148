"""Marts -> `data_contracts/outbound/<mart>.odcs.yaml`: what others may rely on, written from the dbt contracts.

`python -m orchestration.outbound_contracts MANIFEST` writes them; a test compares. dbt enforces the columns and types,
these files publish them. No second description of a column is kept anywhere.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from ingestion.contracts import CONTRACTS

LOGICAL_TYPES = {
    "varchar": "string",
    "date": "date",
    "timestamp": "timestamp",
    "bigint": "integer",
    "boolean": "boolean",
}


def is_mart(node: dict[str, Any]) -> bool:
    """Whether a manifest node is a mart: a model below models/marts."""
    return node["resource_type"] == "model" and node["path"].startswith("marts/")


def outbound_contract(node: dict[str, Any]) -> dict[str, Any]:
    """The ODCS document of one mart's manifest node."""
    required = {
        name
        for name, column in node["columns"].items()
        if any(constraint["type"] == "not_null" for constraint in column.get("constraints", []))
    }
    properties = [
        {
            "name": name,
            "logicalType": LOGICAL_TYPES.get(column["data_type"], "number"),
            "physicalType": column["data_type"],
            "required": name in required,
            "description": " ".join(column["description"].split()),
        }
        for name, column in node["columns"].items()
    ]
    description = " ".join(node["description"].split())
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"marts.{node['name']}",
        "name": node["name"],
        "version": "1.0.0",
        "status": "active",
        "description": {"purpose": description},
        "schema": [
            {
                "name": node["name"],
                "physicalName": node["name"],
                "physicalType": "table",
                "description": description,
                "properties": properties,
            }
        ],
    }


def outbound_contracts(manifest: dict[str, Any]) -> dict[str, str]:
    """File name -> YAML text for every mart of a dbt manifest."""
    return {
        f"{node['name']}.odcs.yaml": yaml.safe_dump(
            outbound_contract(node), sort_keys=False, width=120, allow_unicode=True
        )
        for node in manifest["nodes"].values()
        if is_mart(node)
    }


def main() -> None:
    manifest = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    folder = CONTRACTS / "outbound"
    folder.mkdir(exist_ok=True)
    written = outbound_contracts(manifest)
    for path in folder.glob("*.odcs.yaml"):
        if path.name not in written:
            path.unlink()
    for name, text in written.items():
        (folder / name).write_text(text, "utf-8")
    print(f"{len(written)} outbound contracts written to {folder}")


if __name__ == "__main__":
    main()
