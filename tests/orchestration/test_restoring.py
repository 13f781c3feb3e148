"""`meterhouse verify` on landed files: every byte is as it was landed, or its file is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ingestion.lake import DamagedManifest, Lake
from ingestion.landing import land
from ingestion.storage import open_storage
from orchestration.periods import BadSetting
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


def test_a_changed_manifest_is_named(settings: Settings) -> None:
    """Fault 79. Fails when what a landing says of itself can be changed, or be unreadable, and no file is named."""
    lake = Path(settings.lake_uri)
    for path in sorted(lake.glob("manifests/*/*.json"))[::4]:
        original = path.read_bytes()
        for place in range(0, len(original), 97):
            path.write_bytes(original[:place] + bytes([original[place] ^ 1]) + original[place + 1 :])
            problems = changed_files(settings).problems
            assert problems and problems[0].startswith(path.relative_to(lake).as_posix()), (place, problems)
        path.write_bytes(original[: len(original) // 2])
        assert "is no manifest any more" in changed_files(settings).problems[0]
        with pytest.raises(DamagedManifest, match=path.name):
            Lake(open_storage(settings.lake_uri)).manifests()
        path.write_bytes(original)
    assert changed_files(settings).problems == []


def test_a_manifest_of_before_its_hash_is_read_and_sound(settings: Settings) -> None:
    """Fails when a lake of an earlier version cannot be read, or is called changed."""
    lake = Path(settings.lake_uri)
    for path in lake.glob("manifests/*/*.json"):
        document = json.loads(path.read_bytes())
        assert document.pop("sha256")
        path.write_text(json.dumps(document, sort_keys=True, ensure_ascii=False, indent=1) + "\n", "utf-8")
    assert changed_files(settings).problems == []
    assert Lake(open_storage(settings.lake_uri)).manifests()


def test_a_lake_that_is_not_there_is_no_sound_one(tmp_path: Path) -> None:
    """Fails when a mistyped home is told to be as it was written."""
    with pytest.raises(BadSetting, match="no lake at"):
        changed_files(Settings(home=tmp_path / "mistyped"))
