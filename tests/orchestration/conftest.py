"""A home in which the real definitions were loaded once, for all tests of a worker."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.orchestration.command import meterhouse, tiny_world

SCRUBBED = ("METERHOUSE_", "DAGSTER_", "DBT_", "AWS_", "SNOWFLAKE_")
OUTSIDE = "METERHOUSE_SHARED_DATA"  # the tests' own, which later tests of the worker still need


@pytest.fixture(scope="session")
def loaded_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Imports `orchestration.definitions` with no variable set but the home's."""
    home = tmp_path_factory.mktemp("loaded") / "home"
    scrubbed = [name for name in os.environ if name.startswith(SCRUBBED) and name != OUTSIDE]
    former = {name: os.environ.pop(name) for name in scrubbed}
    os.environ["METERHOUSE_HOME"] = str(home)
    yield home
    del os.environ["METERHOUSE_HOME"]
    os.environ.update(former)


@pytest.fixture(scope="session")
def first_report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """January and February of the tiny world, materialised once in `<folder>/home` from `<folder>/inbox`."""
    folder = tmp_path_factory.mktemp("tiny")
    tiny_world(folder)
    periods = ("--period", "2026-01", "--period", "2026-02")
    # As a person starts it: other tests compare what warm commands make with it.
    report = meterhouse(folder / "home", "run", *periods, cold=True, METERHOUSE_INBOX=str(folder / "inbox"))
    return report | {"home": str(folder / "home")}


@pytest.fixture(scope="session")
def first_run(first_report: dict[str, Any]) -> Path:
    """The home of `first_report`: to be read, never changed."""
    return Path(first_report["home"])
