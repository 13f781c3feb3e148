"""A home in which the real definitions were loaded once, for all tests of a worker."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRUBBED = ("METERHOUSE_", "DAGSTER_", "DBT_", "AWS_", "SNOWFLAKE_")


@pytest.fixture(scope="session")
def loaded_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Imports `orchestration.definitions` with no variable set but the home's."""
    home = tmp_path_factory.mktemp("loaded") / "home"
    former = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(SCRUBBED)}
    os.environ["METERHOUSE_HOME"] = str(home)
    yield home
    del os.environ["METERHOUSE_HOME"]
    os.environ.update(former)
