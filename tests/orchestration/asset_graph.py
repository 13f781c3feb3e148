"""The asset graph as text, for review: `python -m tests.orchestration.asset_graph` writes asset_graph.json anew.

One entry per asset: group, kinds, whether it has months, and what it reads.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SNAPSHOT = Path(__file__).with_name("asset_graph.json")


def graph() -> dict[str, Any]:
    """Asset key -> what a reviewer wants to see change."""
    from orchestration.definitions import defs

    found = {}
    for spec in defs().resolve_all_asset_specs():
        found[spec.key.to_user_string()] = {
            "group": spec.group_name,
            "kinds": sorted(spec.kinds),
            "monthly": spec.partitions_def is not None,
            "reads": sorted({dependency.asset_key.to_user_string() for dependency in spec.deps}),
        }
    return dict(sorted(found.items()))


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(graph(), indent=1) + "\n", "utf-8")
    print(f"wrote {SNAPSHOT.name}")
