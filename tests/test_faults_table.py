"""The table of README.md is true: every test it names is there."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent


def test_every_test_of_the_table_exists() -> None:
    """Fails when a test that the table names was renamed or taken out."""
    table = (HERE / "README.md").read_text("utf-8")
    named = re.findall(r"`([\w/.]+\.(?:py|sql|toml))(?:::(\w+))?`", table)
    assert len(named) > 100
    missing = []
    for file, test in named:
        path = next((root / file for root in (HERE, HERE.parent) if (root / file).is_file()), None)
        if path is None or (test and f"def {test}(" not in path.read_text("utf-8")):
            missing.append(f"{file}::{test}")
    assert not missing
