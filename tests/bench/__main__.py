"""Prints what the main job costs beside a floor written by hand, in parts, and which of the goals it met.

`python -m tests.bench [--parts close,ingestion,edge,growth,peers] [--lines 1000000] [--customers 2000]
[--samples 2000000] [--repeats 3]`. Figures are of one run on one machine; compare ratios, not seconds.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from tests.bench.measuring import Goal, print_goals
from tests.bench.parts import close, edge, growth, ingestion, peers
from tests.bench.world import Month

PARTS = ("close", "ingestion", "edge", "growth", "peers")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--parts", default=",".join(PARTS), help="of " + ", ".join(PARTS))
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--customers", type=int, default=2_000)
    parser.add_argument("--samples", type=int, default=2_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    parts = arguments.parts.split(",")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the first part")
    goals: list[Goal] = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if "close" in parts:
            goals += close.run(Month(root / "close", arguments.lines, arguments.customers).write(), arguments.repeats)
        if "ingestion" in parts:
            goals += ingestion.run(root / "ingestion", arguments.lines, arguments.customers, arguments.repeats)
        if "edge" in parts:
            goals += edge.run(root / "edge", arguments.samples, arguments.repeats)
        if "growth" in parts:
            goals += growth.run(root / "growth", arguments.lines, arguments.customers)
        if "peers" in parts:
            goals += peers.run(Month(root / "peers", arguments.lines, arguments.customers).write(), arguments.repeats)
    print_goals(goals)


if __name__ == "__main__":
    main()
