"""Fixtures shared by all rooms."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def outside_data() -> Path:
    """Folder of real input from outside, read in place; where it is absent its tests are skipped."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("METERHOUSE_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"outside data is absent: no folder {folder} (set METERHOUSE_SHARED_DATA)")
    return folder
