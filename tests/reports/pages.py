"""What the pages read, from their own text: page -> tables of the site -> marts."""

from __future__ import annotations

import re
from pathlib import Path

from orchestration.site import REPORTS, SOURCES

# Not marts: the site's own tables (orchestration/party_rows.py).
OWN = {"site_party", "money_formats"}


def marts_of(source: Path) -> set[str]:
    """Marts that a source query reads."""
    text = re.sub(r"--.*", "", source.read_text("utf-8"))
    named = set(re.findall(r"\b(?:from|join)\s+([a-z_]+)", text))
    steps = set(re.findall(r"(?:^|,)\s*([a-z_]+) as \(", text, re.MULTILINE))
    return {name for name in named - steps - OWN if name not in {"select"}}


def pages() -> dict[str, set[str]]:
    """Page -> marts it reads, by way of the tables of the site."""
    tables = {path.stem: marts_of(path) for path in SOURCES.glob("*.sql")}
    found = {}
    for page in sorted((REPORTS / "pages").glob("*.md")):
        used = set(re.findall(r"\bmarts\.([a-z_]+)", page.read_text("utf-8")))
        found[page.stem] = set().union(*(tables[name] for name in used))
    return found
