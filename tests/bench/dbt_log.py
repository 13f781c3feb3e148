"""What the last run's dbt nodes took, read from the run's log. Seconds of a thread: nodes share a process, and CPU of
one cannot be told from another's."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from orchestration.settings import PROJECT_ROOT

MODELS = PROJECT_ROOT / "dbt_project" / "models"
# A month of a model is told twice, as `Batch 1 of 1` and as the model: the model counts.
FINISHED = re.compile(
    r"(?<!Batch )\b\d+ of \d+ (?:OK|PASS|WARN) (.+?) \.* *\[(?:SUCCESS|PASS|WARN \d+|OK) in ([\d.]+)s\]"
)


def nodes_of(home: Path) -> dict[str, list[tuple[str, float]]]:
    """Room of the project -> (node, seconds) of the last dbt invocation; tests are in the room `checks`."""
    log = (home / "logs" / "run.log").read_text("utf-8").rpartition("Running with dbt")[2]
    rooms = {path.stem: str(path.parent.relative_to(MODELS)) for path in MODELS.rglob("*.sql")}
    spent: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for what, seconds in FINISHED.findall(log):
        name = what.split()[-1].rpartition(".")[2]
        spent[rooms.get(name, "checks")].append((name, float(seconds)))
    return spent


def share_of_checks(home: Path) -> float:
    """Of the seconds of all nodes, those of tests."""
    spent = {room: sum(seconds for _, seconds in nodes) for room, nodes in nodes_of(home).items()}
    return spent.get("checks", 0) / sum(spent.values())


def print_rooms(home: Path, floor: float) -> None:
    """The rooms that took longest, each with its slowest node and how many times the floor it is."""
    print("Of the last run, dbt (seconds of its two threads together):")
    spent = {room: sum(seconds for _, seconds in nodes) for room, nodes in nodes_of(home).items()}
    for room, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        name, longest = max(nodes_of(home)[room], key=lambda node: node[1])
        if seconds >= 0.05:
            print(
                f"  {room:<32}{seconds:>9.2f}{seconds / floor:>8.1f} x floor, {len(nodes_of(home)[room]):>3} nodes,"
                f" the slowest {name} {longest:.2f}"
            )
