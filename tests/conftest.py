"""What every room's tests share: where the input from outside lies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def outside_data() -> Path:
    """Folder of files other people's systems wrote, read in place; the test is skipped where it is absent."""
    folder = Path(os.environ.get("METERHOUSE_SHARED_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("the outside data folder is absent: set METERHOUSE_SHARED_DATA to where it lies")
    return folder
