"""A home's parsed project: taken from what set-up parsed, whatever the home's own settings are."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration import dbt_runner, parsing
from orchestration.parsing import AT_SETUP, PARSED, parse_if_changed, parsed, set_up
from orchestration.settings import Settings


@pytest.fixture(autouse=True)
def of_another_process() -> Iterator[None]:
    """What this process has parsed is not to be taken for what it reads."""
    dbt_runner._kept.clear()
    yield
    dbt_runner._kept.clear()


def never(*arguments: object) -> None:
    raise AssertionError("it parsed")


def test_a_new_home_parses_nothing_that_set_up_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when a home parses what is parsed, or the project as it is read is another than the one that was parsed."""
    set_up()
    whole = Settings(home=tmp_path / "whole")  # beside set-up's own, which other tests read meanwhile
    whole.dbt_target_path.mkdir(parents=True)
    shutil.copy(AT_SETUP / whole.dbt_target_path.name / PARSED, whole.dbt_target_path)
    project = dbt_runner.parse(whole, "as dbt reads what it parsed")
    dbt_runner._kept.clear()
    monkeypatch.setattr(dbt_runner, "parse", never)
    home = Settings(home=tmp_path / "house", memory_limit="700MB", threads=1)
    manifest, read = json.loads(parse_if_changed(home).read_text("utf-8")), parsed(home)
    assert {node["database"] for node in manifest["nodes"].values()} == {home.warehouse_path.stem}
    assert len(read.nodes) > 200 and manifest["nodes"].keys() == read.nodes.keys()

    def said(one: object) -> dict[str, object]:
        return one.writable_manifest().to_dict() | {"metadata": None}  # type: ignore[attr-defined]

    assert said(read) == said(project)
    assert read.ref_lookup.find("fct_margin", None, None, read) is read.nodes["model.meterhouse.fct_margin"]
    assert read.source_lookup.find("lake.as_of", None, read) is read.sources["source.meterhouse.lake.as_of"]


def test_what_set_up_parsed_of_other_files_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when a project changed since set-up is read as it was then, or one of another dbt stops the run."""
    set_up()
    home = Settings(home=tmp_path)
    monkeypatch.setattr(parsing, "_fingerprint", lambda settings: "of other files")
    dbt_runner._kept.clear()
    done = json.loads((parse_if_changed(home).parent / "perf_info.json").read_text("utf-8"))
    assert done["parsed_path_count"] == done["path_count"] > 300
    dbt_runner._kept.clear()
    monkeypatch.setattr(dbt_runner, "parse", lambda settings, fingerprint: fingerprint)
    assert parsed(home) == "of other files"
    of_another_dbt = tmp_path / "pickle"  # whose classes are gone
    of_another_dbt.write_bytes(b"of a former version\n" + b"cdbt.no_such_module\nManifest\n.")
    assert dbt_runner.parsed(home, "of this version", of_another_dbt) == "of this version"


def test_a_changed_project_is_parsed_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when an older parse is mended: dbt then loses the descriptions of tests whose YAML stands."""
    home = Settings(home=tmp_path)
    monkeypatch.setattr(parsing, "_fingerprint", lambda settings: "of some files")
    parse_if_changed(home)
    monkeypatch.setattr(parsing, "_fingerprint", lambda settings: "of other files")
    done = json.loads((parse_if_changed(home).parent / "perf_info.json").read_text("utf-8"))
    assert done["parsed_path_count"] == done["path_count"]
