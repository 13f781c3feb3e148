"""A home's parsed project: begun from what set-up parsed, whatever the home's own settings are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestration import parsing
from orchestration.parsing import AT_SETUP, parse_if_changed
from orchestration.settings import Settings


def test_a_new_home_parses_nothing_that_set_up_parsed(tmp_path: Path) -> None:
    parse_if_changed(Settings(home=AT_SETUP))
    manifest = parse_if_changed(Settings(home=tmp_path / "house", memory_limit="700MB", threads=1))
    done = json.loads((manifest.parent / "perf_info.json").read_text("utf-8"))
    assert done["path_count"] > 300
    assert done["parsed_path_count"] == 0
    databases = {node["database"] for node in json.loads(manifest.read_text("utf-8"))["nodes"].values()}
    assert databases == {Settings(home=tmp_path / "house").warehouse_path.stem}


def test_a_changed_project_is_parsed_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when an older parse is mended: dbt then loses the descriptions of tests whose YAML stands."""
    home = Settings(home=tmp_path)
    parse_if_changed(home)
    monkeypatch.setattr(parsing, "_fingerprint", lambda settings: "of other files")
    done = json.loads((parse_if_changed(home).parent / "perf_info.json").read_text("utf-8"))
    assert done["parsed_path_count"] == done["path_count"]
