"""The Dagster UI in a real browser, served as `make ui` serves it, over the home of the first run."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import chromium, need_chromium
from tests.orchestration.command import environment

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("tiny_world")]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def served(first_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a UI over a copy of the first run's home."""
    need_chromium()
    folder = tmp_path_factory.mktemp("ui")
    shutil.copytree(first_run.parent, folder, dirs_exist_ok=True)
    port = free_port()
    command = [sys.executable, "-m", "orchestration.cli", "ui", "--port", str(port)]
    log = (folder / "ui.log").open("w")
    # In a session of its own with default signals: a server a script starts in the background may ignore them.
    server = subprocess.Popen(
        command,
        env=environment(folder / "home", METERHOUSE_INBOX=str(folder / "inbox")),
        stdout=log,
        stderr=log,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            assert server.poll() is None, (folder / "ui.log").read_text()[-2000:]
            try:
                urllib.request.urlopen(f"{address}/server_info", timeout=2).close()
                break
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                time.sleep(0.5)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(60)


@pytest.fixture(scope="module")
def page(served: str) -> Iterator[Any]:
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1800, "height": 1000})
        page.set_default_timeout(60_000)
        yield page


def test_the_graph_reads_from_left_to_right_as_the_flow(page: Any, served: str, tmp_path: Path) -> None:
    """Fails when a group is missing from the graph or stands before what it reads, or the page asks the outside."""
    outside: list[str] = []
    page.on(
        "request",
        lambda request: None if request.url.startswith((served, "data:", "blob:")) else outside.append(request.url),
    )
    page.goto(f"{served}/asset-groups")
    flow = ["inbound", "lake", "staging", "marts_cost", "marts_invoicing", "exports"]
    nodes = page.locator("svg foreignObject")
    left = [nodes.get_by_text(group, exact=True).first.bounding_box()["x"] for group in flow]
    page.screenshot(path=str(tmp_path / "graph.png"))
    assert left == sorted(left)
    assert not outside


def test_months_are_green_and_the_invoices_are_in_the_metadata(page: Any, served: str, tmp_path: Path) -> None:
    """Fails when a materialised month is not shown as such, or its invoice table cannot be read."""
    page.goto(f"{served}/assets/invoices?view=partitions&partition=2026-01")
    page.get_by_text("Materialized (2)").wait_for()
    page.get_by_role("cell", name="shop").first.wait_for()
    page.screenshot(path=str(tmp_path / "invoices.png"))


def test_checks_are_visible_with_their_verdict(page: Any, served: str, tmp_path: Path) -> None:
    """Fails when a feed's control totals or the suite over the month are not among the checks."""
    page.goto(f"{served}/assets/aws_cur?view=checks")
    page.get_by_text("control_totals_reconcile").first.wait_for()
    page.get_by_text("Passed").first.wait_for()
    page.goto(f"{served}/assets/fct_account_costs?view=checks")
    page.get_by_text("month_looks_sane").first.wait_for()
    page.screenshot(path=str(tmp_path / "checks.png"))
