"""`meterhouse verify` on landed files: every byte is as it was landed, or its file is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.lake import Lake
from ingestion.landing import land
from ingestion.storage import open_storage
from orchestration.restoring import changed_files
from orchestration.settings import Settings
from tests.orchestration.command import tiny_world


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home whose lake holds a catalog, samples and a bill; nothing was computed from it."""
    world, settings = tiny_world(tmp_path), Settings(home=tmp_path / "home")
    lake = Lake(open_storage(settings.lake_uri))
    for feed, period in (("catalog", None), ("edge", None), ("aws_cur", "2026-01")):
        land(feed, open_storage(world.inbox), lake, period)
    return settings


def test_a_changed_or_missing_landed_file_is_named(settings: Settings) -> None:
    """Fault 79. Fails when a flipped byte of a landed file, or its loss, goes unnoticed, or another file is named."""
    lake = Path(settings.lake_uri)
    assert changed_files(settings).problems == []
    landed = sorted(lake.rglob("*.parquet"))
    assert {path.relative_to(lake).parts[1].partition(".")[0] for path in landed} >= {"catalog", "edge", "aws_cur"}
    for path in landed[:: max(1, len(landed) // 8)]:
        original = path.read_bytes()
        changed = bytearray(original)
        changed[len(changed) // 2] ^= 1
        path.write_bytes(bytes(changed))
        problems = changed_files(settings).problems
        assert len(problems) == 1 and problems[0].startswith(path.relative_to(lake).as_posix()), problems
        path.unlink()
        problems = changed_files(settings).problems
        assert len(problems) == 1 and "missing" in problems[0], problems
        path.write_bytes(original)
    assert changed_files(settings).problems == []
