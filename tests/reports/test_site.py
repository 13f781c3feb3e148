"""The site of the sample world in a real browser, with no way out of 127.0.0.1."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import duckdb
import pytest

from orchestration.settings import Settings
from orchestration.site import Site, build_site, page_addresses
from tests.conftest import SampleRun
from tests.reports.figures import number, shown

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("sample_world")]
DESKTOP, PHONE = 1280, 390
TALLEST_ROW = "Math.max(0, ...[...document.querySelectorAll('.scrollbox tr')].map(row => row.offsetHeight))"
Mart = Callable[..., list[tuple[Any, ...]]]


def an_invoice(mart: Mart) -> tuple[str, str]:
    """Id of the invoice with the most lines, and of its largest line."""
    query = "select invoice_id, max_by(line_id, amount) from fct_invoice_lines group by 1 order by count(*) desc, 1"
    return mart(query)[0]


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_every_page_renders_fits_and_asks_nothing_outside(
    visit: Any, built: Site, mart: Mart, width: int, tmp_path: Path
) -> None:
    """Fails when a page shows an error, logs one, is wider than the screen, has a row as tall as
    sentences squeezed into a column are, or asks anything but its own server."""
    seen = visit(width=width)
    manifest = json.loads((built.folder / "api" / "pagesManifest.json").read_text("utf-8"))
    addresses = sorted(page_addresses(manifest))
    assert len(addresses) >= 8
    invoice, line = an_invoice(mart)
    chosen = {"/invoice": f"/invoice/?id={quote(invoice)}", "/line": f"/line/?id={quote(line)}"}
    for address in addresses:
        seen.open(chosen.get(address, address))
        text = seen.page.locator("article").inner_text()
        assert "undefined" not in text and "NaN" not in text, address
        assert seen.page.locator("article").get_by_text(re.compile(r"\bError\b")).count() == 0, address
        for _ in range(240):  # tables slide in
            if (needed := seen.page.evaluate("document.documentElement.scrollWidth")) <= width:
                break
            seen.page.wait_for_timeout(250)
        assert needed <= width, address
        assert seen.page.evaluate(TALLEST_ROW) <= 120, address
        seen.page.screenshot(path=str(tmp_path / f"{address.strip('/') or 'overview'}.png"), full_page=True)
    assert not seen.wrong


def test_the_overview_shows_what_a_party_is_charged(visit: Any, mart: Mart) -> None:
    """Fails when consumption of the newest month or of the one before is not the sum of the party's rated charges."""
    seen = visit()
    for buyer, currency, digits in (("umi", "JPY", 0), ("apex", "USD", 2)):
        months = dict(
            mart(
                "select strftime(service_period, '%Y-%m'), sum(amount) from fct_rated_charges"
                " where buyer_id = ? and currency = ? group by all",
                buyer,
                currency,
            )
        )
        newest, before = sorted(months, reverse=True)[:2]
        seen.open(f"/?party={quote(f'{buyer}/{currency}', safe='')}")
        seen.figure_comes_to(f"Consumed in {newest}, {currency}", shown(months[newest], digits))
        seen.figure_comes_to("The month before", shown(months[before], digits))


def test_an_account_shows_its_waterfall_and_settlement(visit: Any, mart: Mart) -> None:
    """Fails when billed, effective or real of an account, or a transfer, is not what the marts hold."""
    month, account = mart(
        "select max(service_period), from_account_id from fct_sharing_settlement group by 2 order by 1 desc, 2"
    )[0]
    steps = dict(
        mart(
            "select step, amount from fct_account_waterfall"
            " where is_subtotal and billing_period = ? and account_id = ?",
            month,
            account,
        )
    )
    (transfers,) = mart(
        "select count(*), sum(amount) from fct_sharing_settlement where service_period = ?"
        " and ? in (from_account_id, to_account_id)",
        month,
        account,
    )
    seen = visit()
    seen.open(f"/accounts/?id={account}")
    seen.figure_comes_to("Billed, USD", shown(steps["billed"], 2))
    seen.figure_comes_to("Effective", shown(steps["effective"], 2))
    seen.figure_comes_to("Real", shown(steps["real"], 2))
    seen.comes_to(lambda: len(seen.rows("settlement")), transfers[0])
    settled = seen.rows("settlement")
    assert abs(sum(number(row[3]) for row in settled) - transfers[1]) <= Decimal("0.005") * transfers[0]


def test_invoices_can_be_filtered_and_walked_down_to_a_charge(visit: Any, mart: Mart) -> None:
    """Fails when totals of a month or of a chosen seller differ from the mart, or a row leads to another invoice."""

    def totals(seller: str) -> dict[str, Decimal]:
        query = (
            "select currency, sum(total_amount) from fct_invoices where seller_id like ? and invoice_period ="
            " (select max(invoice_period) from fct_invoices) group by 1"
        )
        return {currency: amount.normalize() for currency, amount in mart(query, seller)}

    def on_page() -> dict[str, Decimal]:
        return {row[0]: number(row[4]).normalize() for row in seen.rows("totals")}

    seen = visit()
    seen.open("/invoices/")
    seen.comes_to(on_page, totals("%"))
    seen.choose("Seller", "Sakura Systems KK")
    seen.comes_to(on_page, totals("sakura"))
    # Each table is drawn by itself: this one may still hold what was there before.
    seen.comes_to(lambda: {row[2] for row in seen.rows("chosen")}, {"Sakura Systems KK"})
    first = seen.rows("chosen")[0]
    seen.table("chosen").first.click()
    seen.page.wait_for_url("**/invoice/**")
    seen.figure_comes_to(f"Net, {first[9]}", number(first[6]))
    seen.table("lines").first.click()
    seen.page.wait_for_url("**/line/**")
    line = re.search(r"[?&]id=([^&]+)", seen.page.url)[1]
    (exact,) = mart("select exact_amount from fct_invoice_lines where line_id = ?", unquote(line))[0]
    seen.figure_comes_to("Before rounding", exact.normalize())
    assert not seen.wrong


def test_margin_and_health_show_the_marts_figures(visit: Any, mart: Mart) -> None:
    """Fails when the margin of a month's edges or the count of unexplained hops is not the mart's."""
    seen = visit()
    seen.open("/margin/")
    currency, month = mart("select min(currency), max(service_period) from fct_margin")[0]
    (margin,) = mart("select sum(margin) from fct_margin where currency = ? and service_period = ?", currency, month)[0]
    seen.comes_to(lambda: abs(number(seen.rows("edges")[-1][6]) - margin) <= Decimal("0.005"), True)
    seen.open("/health/")
    seen.figure_comes_to("Hops with an unexplained difference", 0)
    hops = mart("select count(*) from fct_reconciliation where billing_period = ?", month)[0][0]
    seen.figure_comes_to("Hops compared", hops)
    gates = mart(
        "select coalesce(name, seller_id), replace(gate, '_', ' '), case when passed then 'yes' else 'no' end, detail"
        " from fct_close_gates as gates left join dim_party on seller_id = party_id"
        " where strftime(gates.billing_period, '%Y-%m') = ?",
        f"{month:%Y-%m}",
    )
    assert {row[2] for row in gates} == {"yes", "no"}  # earlier months are open
    seen.comes_to(lambda: sorted(tuple(row[:4]) for row in seen.pages_of("gates")), sorted(gates))
    seen.choose("Answer", "No")
    seen.comes_to(
        lambda: sorted(tuple(row[:4]) for row in seen.pages_of("gates")), sorted(row for row in gates if row[2] == "no")
    )


HOSTILE = '<img src=x onerror="window.hit=1"><script>window.hit=1</script> **x** [y](javascript:window.hit=1) \'z'


def test_a_site_without_rows_answers_on_every_page(visit: Any, built: Site, tmp_path: Path) -> None:
    """Fails when a page waits for ever, or shows an error, where its party sold, used and was charged nothing."""
    empty = tmp_path / "site"
    shutil.copytree(built.folder, empty)
    with duckdb.connect() as connection:
        for file in (empty / "data").rglob("*.parquet"):
            rows = connection.read_parquet(str(file)).limit(1 if file.stem == "site" else 0)
            rows.write_parquet(str(file.with_suffix(".empty")))
            file.with_suffix(".empty").rename(file)
    seen = visit(empty)
    for address in sorted(page_addresses(json.loads((empty / "api" / "pagesManifest.json").read_text("utf-8")))):
        seen.open(address)
        text = seen.page.locator("article").inner_text()
        assert "undefined" not in text and "NaN" not in text and "Loading" not in text, address
    assert not seen.wrong


def test_text_from_the_data_stays_text(visit: Any, sample_run: SampleRun, built: Site, tmp_path: Path) -> None:
    """Fault 77. Fails when markup in a name or a description becomes a node, or a script of it runs."""
    home = tmp_path / "home"
    exports = sample_run.home / "warehouse" / "exports"
    shutil.copytree(exports, home / "warehouse" / "exports")
    shutil.copytree(sample_run.home / "reports" / "shell", home / "reports" / "shell")
    with duckdb.connect() as connection:
        for mart, column in (("dim_party", "name"), ("fct_invoice_lines", "description"), ("deliveries", "uri")):
            for file in (exports / mart).glob("*.parquet"):
                connection.execute(
                    f"copy (select * replace (? || {column} as {column}) from '{file}')"
                    f" to '{home / 'warehouse' / 'exports' / mart / file.name}' (format parquet)",
                    [HOSTILE],
                )
    seen = visit(build_site(Settings(home=home)).folder)
    for path in ("/", "/accounts/", "/invoices/", "/margin/", "/usage/", "/health/"):
        seen.open(path)
        for canvas in seen.page.locator("article canvas").all():  # tooltips are HTML
            canvas.hover()
        assert seen.page.evaluate("window.hit") is None, path
        assert seen.page.locator("article img[src=x]").count() == 0, path
    assert "‹script›" in seen.page.locator("article").inner_text()
    assert not seen.wrong


def cells(file: Path) -> str:
    """All values of a Parquet file as text."""
    with duckdb.connect() as connection:
        rows = connection.execute(f"select columns(*)::varchar from '{file}'").fetchall()
    return "\n".join(" ".join(map(str, row)) for row in rows)


def files(folder: Path) -> dict[str, Path]:
    """The site's files by their place in it: those of the shell, then those with rows."""
    return {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("party", ["sakura", "apex"])
def test_a_partys_site_holds_nothing_of_a_stranger(
    visit: Any, sample_run: SampleRun, built: Site, mart: Mart, party: str
) -> None:
    """Fault 80. Fails when a file of the built site names a party or an account that is not the party's or below."""
    edges = mart("select distinct seller_id, buyer_id from dim_agreement")
    below = {party}
    while more := {buyer for seller, buyer in edges if seller in below} - below:
        below |= more
    suppliers = {seller for seller, buyer in edges if buyer == party}
    parties = dict(mart("select party_id, name from dim_party"))
    owners = mart("select resource_id, party_id from dim_resource_owner")
    strangers = {name for identifier, name in parties.items() if identifier not in below}
    vendors = {identifier for (identifier,) in mart("select party_id from dim_party where role = 'vendor'")}
    strangers |= set(parties) - below - suppliers - vendors  # who sells to it stands on its invoices, by id
    strangers |= {resource for resource, owner in owners if owner not in below}
    site = build_site(Settings(home=sample_run.home), party)
    assert site.rows["invoices"] > 0 and site.rows["account_months"] > 0
    shell = {name for name in files(built.folder) if not name.startswith("data/")}
    pattern = re.compile("|".join(rf"(?<![\w-]){re.escape(stranger)}(?![\w-])" for stranger in sorted(strangers)))
    for name, file in files(site.folder).items():
        # The shell is the same for everybody and holds words of a language: of it only whole names are asked.
        if name in shell:
            content = file.read_bytes()
            named = [stranger for stranger in strangers if " " in stranger and stranger.encode() in content]
        else:
            named = pattern.findall(cells(file) if file.suffix == ".parquet" else file.read_text("utf-8"))
        assert not named, name
    assert {name for name in files(site.folder) if not name.startswith("data/")} == shell
    seen = visit(site.folder)
    for path in ("/", "/accounts/", "/invoices/", "/margin/", "/usage/", "/health/"):
        seen.open(path)
        assert "undefined" not in seen.page.locator("article").inner_text(), path
    assert not seen.wrong
