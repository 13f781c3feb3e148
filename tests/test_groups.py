"""What `make test` leans on: tests that share a world are one worker's, so that the world is built once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
