"""What the pages are made of: marts only, described as exposures, packages by a lock."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from orchestration.site import REPORTS, SOURCES
from tests.reports.pages import pages

MARTS = Path(__file__).parents[2] / "dbt_project" / "models" / "marts"


def mart_files() -> dict[str, dict]:
    """Mart -> its YAML."""
    return {
        model["name"]: model
        for path in MARTS.glob("*/*.yml")
        for model in yaml.safe_load(path.read_text("utf-8")).get("models", [])
    }


def test_every_mart_says_how_its_rows_belong_to_parties() -> None:
    """Fails when a mart is added and nobody decided who may see which of its rows, or it names a column it has not."""
    wrong = []
    for name, model in mart_files().items():
        rule = model.get("config", {}).get("meta", {}).get("party_rows")
        columns = {column["name"] for column in model["columns"]}
        named = set()
        for key, value in (rule or {}).items():
            if key not in ("nobody", "any_month"):
                named |= {value} if isinstance(value, str) else set(value)
        if not rule or not named <= columns:
            wrong.append((name, sorted(named - columns)))
    assert not wrong


def test_every_page_is_an_exposure_of_the_marts_it_reads() -> None:
    """Fails when a page reads a mart that its exposure does not name, or a page has no exposure."""
    exposures = yaml.safe_load((MARTS / "exposures.yml").read_text("utf-8"))["exposures"]
    told = {
        exposure["name"].removeprefix("page_").replace("overview", "index"): {
            re.fullmatch(r"ref\('(\w+)'\)", text)[1] for text in exposure["depends_on"]
        }
        for exposure in exposures
    }
    assert told == pages()


def test_every_table_of_the_site_is_read_by_a_page() -> None:
    """Fails when rows are sent to every reader that no page shows."""
    text = "".join(page.read_text("utf-8") for page in (REPORTS / "pages").glob("*.md"))
    assert not [source.stem for source in SOURCES.glob("*.sql") if f"marts.{source.stem}" not in text]


def test_pages_read_marts_only() -> None:
    """Fails when a query of the site reads anything but a mart."""
    read = set().union(*pages().values())
    assert read <= set(mart_files())


@pytest.mark.parametrize("source", sorted(SOURCES.glob("*.sql")), ids=lambda path: path.stem)
def test_a_query_opens_with_its_grain_and_computes_no_money(source: Path) -> None:
    """Fails when a query has no grain, or a product or quotient in it: arithmetic belongs in a mart."""
    text = source.read_text("utf-8")
    assert text.startswith("-- One row ")
    body = re.sub(r"--.*|'[^']*'|count\(\*\)|\bselect\s+\*", "", text)
    assert not re.search(r"[*/]|\bavg\b|\bround\b", body)


def test_packages_are_locked_by_content_and_name_no_registry() -> None:
    """Fails when a package of the lock has no hash, or an address that a closed network would not reach."""
    lock = json.loads((REPORTS / "package-lock.json").read_text("utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert len(packages) > 500
    assert not [
        name for name, package in packages.items() if "integrity" not in package and not package.get("inBundle")
    ]
    assert not [name for name, package in packages.items() if "resolved" in package]
