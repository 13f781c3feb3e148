"""`make tour`: takes the pictures of docs/tour anew, of the sample world that `make run` has materialised.

The site is served from its folder, Dagster's UI as `make ui` serves it; both on loopback, seen by a headless Chromium.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb

from orchestration.cli import output
from orchestration.serving import server
from orchestration.settings import PROJECT_ROOT, Settings, get_settings
from orchestration.site import build_site
from tests.browser import chromium
from tests.reports.conftest import Visit

PICTURES = PROJECT_ROOT / "docs" / "tour"
MONTH = "2026-03"
LINEAGE = "/assets/fct_invoices?view=lineage"
HIGHEST = 1960  # a longer page is cut: its pictures would be too small to read
# Name -> address, width and height of the window, a text that shows it is there, whether to open that.
UI = {
    "graph": (f"{LINEAGE}&lineageScope=upstream&lineageDepth=2", (1600, 900), "fct_invoice_lines", False),
    "month": (f"/assets/invoices?view=partitions&partition={MONTH}", (1400, 900), "[Show Markdown]", True),
    "checks": ("/assets/fct_reconciliation?view=checks", (1400, 900), "Passed", False),
}


def largest_line(exports: Path) -> str:
    """Id of the largest cloud cost line of the newest month: there is something behind it on every step."""
    query = (
        f"select line_id from '{exports}/fct_invoice_lines/*.parquet' where charge_key like 'aws/%'"
        " order by invoice_period desc, amount desc, line_id limit 1"
    )
    return duckdb.sql(query).fetchall()[0][0]


def site_pictures(browser: Any, settings: Settings) -> None:
    site = build_site(settings, tell=output.print)
    served = server(site.folder, 0)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    pages = {
        "overview": ("/?party=apex%2FUSD", 1280),
        "budgets": ("/budgets/", 1280),
        "line": (f"/line/?id={quote(largest_line(settings.exports), safe='')}", 1280),
        "health": ("/health/", 1280),
        "account-on-a-phone": ("/accounts/?id=000123450017", 390),
    }
    for name, (address, width) in pages.items():
        visit = Visit(browser, f"http://127.0.0.1:{served.server_port}", width)
        visit.open(address)
        visit.page.wait_for_timeout(1500)  # charts grow
        height = min(visit.page.evaluate("document.documentElement.scrollHeight"), HIGHEST)
        area = {"x": 0, "y": 0, "width": width, "height": height}
        visit.page.screenshot(path=str(PICTURES / f"{name}.png"), full_page=True, clip=area)
        visit.page.close()
    served.shutdown()


@contextmanager
def ui(settings: Settings, port: int) -> Iterator[str]:
    """Address of Dagster's UI over the home; ended with its children."""
    command = [sys.executable, "-m", "orchestration.cli", "ui", "--port", str(port), "--home", str(settings.root)]
    log = settings.root / "logs" / "ui.log"
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
    try:
        for _ in range(1200):
            if process.poll() is not None:
                raise SystemExit(f"the UI ended: {log}")
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=2).close()
                break
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def ui_pictures(browser: Any, settings: Settings, port: int) -> None:
    with ui(settings, port) as address:
        for name, (path, (width, height), text, opens) in UI.items():
            page = browser.new_page(viewport={"width": width, "height": height})
            page.set_default_timeout(180_000)
            page.goto(address + path)
            page.get_by_text(text).first.wait_for()
            if opens:
                page.get_by_text(text).first.click()
            page.wait_for_timeout(3000)
            page.screenshot(path=str(PICTURES / f"{name}.png"))
            page.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.tour", description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=["site", "ui"], help="the pictures of one of them")
    parser.add_argument("--port", type=int, default=3010, help="of the UI")
    options = parser.parse_args()
    settings = get_settings()
    with chromium() as browser:
        if options.only != "ui":
            site_pictures(browser, settings)
        if options.only != "site":
            ui_pictures(browser, settings, options.port)


if __name__ == "__main__":
    main()
