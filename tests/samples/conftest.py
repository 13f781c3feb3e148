"""One sample world for all tests of the room."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from samples.__main__ import build
from samples.world import MONTHS

SEED = 7


@dataclass(frozen=True)
class Sample:
    inbox: Path
    truth: dict[str, Any]


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """The whole sample world, written once."""
    inbox = tmp_path_factory.mktemp("sample") / "inbox"
    return Sample(inbox, build(inbox, SEED, MONTHS))
