"""A home's parsed project: begun from what set-up parsed, whatever the home's own settings are."""

from __future__ import annotations

import json
from pathlib import Path

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
