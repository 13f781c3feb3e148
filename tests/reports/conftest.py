"""One site of the sample world for all tests of a worker; building its pages takes a minute, its rows a second."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import duckdb
import pytest
from playwright.sync_api import TimeoutError as NotYet

from orchestration.serving import server
from orchestration.settings import Settings
from orchestration.site import Site, build_site
from tests.browser import chromium
from tests.conftest import SampleRun
from tests.reports.figures import number


@pytest.fixture(scope="session")
def built(sample_run: SampleRun) -> Site:
    """The site of all parties. Without node or its packages the tests fail: `make pages` installs them."""
    return build_site(Settings(home=sample_run.home))


@pytest.fixture(scope="session")
def mart(sample_run: SampleRun) -> Callable[..., list[tuple[Any, ...]]]:
    """`mart("select … from fct_invoices")` asks the exported marts."""
    connection = duckdb.connect()
    for folder in (sample_run.home / "warehouse" / "exports").iterdir():
        connection.execute(
            f"create view {folder.name} as from read_parquet('{folder}/*.parquet', union_by_name = true)"
        )
    return lambda query, *parameters: connection.execute(query, list(parameters)).fetchall()


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[[Path], str]]:
    """`serve(folder)` gives the address of a folder on loopback."""
    running = []

    def start(folder: Path) -> str:
        running.append(server(folder, 0))
        threading.Thread(target=running[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{running[-1].server_port}"

    yield start
    for each in running:
        each.shutdown()
        each.server_close()


@pytest.fixture(scope="module")  # a second Playwright, as the UI's tests have, cannot begin in a process before it ends
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


CELLS = "rows => rows.map(row => [...row.querySelectorAll('td')].map(cell => cell.innerText))"


class Visit:
    """A page in the browser that keeps what went wrong: console errors, failed loads, requests to the outside."""

    def __init__(self, browser: Any, address: str, width: int = 1280) -> None:
        self.address = address
        self.page = browser.new_page(viewport={"width": width, "height": 900})
        self.page.set_default_timeout(60_000)
        self.wrong: list[str] = []
        self.page.on("console", lambda said: self.wrong.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("response", lambda answer: self.wrong.append(answer.url) if answer.status >= 400 else None)
        self.page.on("request", self._inside)
        self.page.on("dialog", lambda dialog: (self.wrong.append(f"dialog {dialog.message}"), dialog.dismiss()))

    def _inside(self, request: Any) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.wrong.append(f"outside: {request.url}")

    def open(self, path: str) -> None:
        """Goes there and waits until the queries have answered."""
        self.page.goto(self.address + path)
        self.page.locator("article h1").first.wait_for()
        self.page.wait_for_load_state("networkidle")
        waiting = self.page.locator("article .animate-pulse")
        self.page.wait_for_timeout(500)
        while waiting.count():
            waiting.first.wait_for(state="detached")

    def figure(self, title: str) -> str:
        """The big number under a title, once it is there."""
        shown = self.page.locator(f"xpath=//article//p[normalize-space()='{title}']/following-sibling::div[1]").first
        shown.wait_for()
        return shown.inner_text().strip()

    def figure_comes_to(self, title: str, expected: Decimal | int) -> None:
        """Waits until the big number under a title is this one, and compares."""
        self.comes_to(lambda: number(self.figure(title)), expected)

    def table(self, query: str) -> Any:
        """Rows of the table of a query, once there is one."""
        found = self.page.locator(f"[data-testid='DataTable-{query}'] tr:has(td)")
        found.first.wait_for()
        return found

    def rows(self, query: str) -> list[list[str]]:
        """Cells of the table of a query, all at one moment: it may be drawn anew while it is read."""
        return self.table(query).evaluate_all(CELLS)

    def pages_of(self, query: str) -> list[list[str]]:
        """Cells of the table of a query, on all its pages. A button that the page takes away before it is clicked
        raises TimeoutError."""
        within = f"[data-testid='DataTable-{query}'] [aria-label='{{}}']:enabled"
        first, further = (self.page.locator(within.format(f"{name}-page")) for name in ("first", "next"))
        if first.count():
            first.click(timeout=5_000)
        found = self.rows(query)
        while further.count():
            further.click(timeout=5_000)
            found += self.rows(query)
        return found

    def choose(self, title: str, option: str) -> None:
        """Picks an option of a dropdown. A long list holds only the options in sight: typing finds the others."""
        options = self.page.get_by_role("option")
        choice = self.page.get_by_role("option", name=option, exact=True)
        self.page.get_by_role("combobox", name=title, exact=True).click()
        options.first.wait_for()
        if not choice.count():
            self.page.keyboard.type(option)
        for _ in range(6):
            choice.click()
            # A list that is still closing would swallow the next click; one drawn anew under this one has swallowed it.
            with contextlib.suppress(NotYet):
                options.first.wait_for(state="detached", timeout=10_000)
                return
        raise AssertionError(f"the list of {title} stays open, however often {option} is chosen")

    def comes_to(self, read: Callable[[], Any], expected: Any) -> None:
        """Waits until what is read off the page is what is expected, up to two minutes, and compares. A page shows what
        it first asked for until a choice of its own is answered, and a table has no rows while it is drawn anew."""
        until = time.monotonic() + 120
        while time.monotonic() < until:
            with contextlib.suppress(NotYet, IndexError, InvalidOperation):  # gone, without rows, without a number
                if read() == expected:
                    return
            self.page.wait_for_timeout(250)
        assert read() == expected


@pytest.fixture
def visit(browser: Any, built: Site, serve: Callable[[Path], str]) -> Iterator[Callable[..., Visit]]:
    """`visit()` opens the site of all parties, `visit(folder, width)` another one or a phone."""
    opened: list[Visit] = []

    def start(folder: Path = built.folder, width: int = 1280) -> Visit:
        opened.append(Visit(browser, serve(folder), width))
        return opened[-1]

    yield start
    for each in opened:
        each.page.close()
