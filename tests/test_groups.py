"""What `make test` leans on: tests that share a world are one worker's, so that the world is built once, and what takes
longest begins first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.order import Begun, order

GROUPED = """
import os
import pytest

@pytest.mark.xdist_group("world")
@pytest.mark.parametrize("number", range(4))
def test_of_a_group(number):
    with open("workers", "a") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + " ")
"""


def test_the_tests_of_a_group_are_run_by_one_worker(tmp_path: Path) -> None:
    """Fails when xdist leaves groups apart without a word, as it does beside pytest 9.2."""
    for name in ("test_one.py", "test_two.py"):
        (tmp_path / name).write_text(GROUPED, "utf-8")
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    workers = (tmp_path / "workers").read_text("utf-8").split()
    assert len(workers) == 8 and len(set(workers)) == 1


def test_what_takes_longest_begins_first_and_groups_stay_together() -> None:
    """Fails when a world of many slow tests begins late, or is begun twice because another came between."""
    quick, small, world, other = (Begun(name, True, False) for name in ("quick", "small", "world", "other"))
    quick = quick._replace(is_slow=False)
    longest = Begun("engines", True, True)
    begun = [quick, world, small, other, quick, world, longest, other]
    assert [begun[place].group for place in order(begun)] == [
        *("engines", "world", "world", "other", "other", "small", "quick", "quick")
    ]
    assert [place for place in order(begun) if begun[place].group == "world"] == [1, 5], "its own order stays"
