"""The golden month against the hand-worked tables of README.md, the golden invoices byte for byte."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ingestion.storage import open_storage
from invoicing.entries import Json, canonical
from invoicing.ledger import Ledger
from orchestration.explaining import explained
from orchestration.settings import Settings
from orchestration.warehouse import opened
from tests.golden_month.world import CLOSES, PERIODS, SELLERS
from tests.invoicing.test_rated_minus_billed import marts
from tests.invoicing.worlds import House

pytestmark = [pytest.mark.slow, pytest.mark.dbt, pytest.mark.xdist_group("golden_month")]
HERE = Path(__file__).parent
SOURCE_HASHES = {"inputs_hash", "previous_hash"}  # what it was computed from; not what was computed


def table(heading: str) -> list[dict[str, str]]:
    """The first table below a heading of README.md, by column."""
    below = (HERE / "README.md").read_text("utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in below.splitlines() if line.startswith("|")]
    names, _, *cells = rows
    return [dict(zip(names, row, strict=True)) for row in cells]


def number(text: str) -> Decimal | None:
    return None if text == "-" else Decimal(text)


def ledger_lines(house: House, invoice_period: str, service_period: str) -> dict[tuple[str, str], dict[str, Any]]:
    found = marts(
        house,
        "select agreement_id, charge_key, quantity, unit_price, exact_amount, amount, corrects_line_id, charge_class"
        " from fct_invoice_lines where status = 'issued'"
        f" and strftime(invoice_period, '%Y-%m') = '{invoice_period}'"
        f" and strftime(service_period, '%Y-%m') = '{service_period}'",
    )
    return {(line["agreement_id"], line["charge_key"]): line for line in found}


@pytest.mark.parametrize(
    ("heading", "invoice_period"),
    [("The lines of January's invoices", "2026-01"), ("What February says about January", "2026-02")],
)
def test_every_line_is_the_one_worked_by_hand(issued: House, heading: str, invoice_period: str) -> None:
    """Faults 40, 50, 51, 53-56. Fails when a line of January, or of February about January, is missing, too many, or
    departs from the table in quantity, price, exact or rounded amount, or names another line than it corrects."""
    found = ledger_lines(issued, invoice_period, "2026-01")
    worked = {(row["edge"], row["key"]): row for row in table(heading)}
    assert found.keys() == worked.keys()
    for place, row in worked.items():
        line = found[place]
        shown = (line["quantity"], line["unit_price"], line["exact_amount"], line["amount"])
        assert shown == tuple(map(number, (row["quantity"], row["unit price"], row["exact"], row["line"]))), place
        assert line["corrects_line_id"] == row.get("corrects"), place
        assert line["charge_class"] == ("Correction" if "corrects" in row else None), place


def test_every_invoice_is_the_one_worked_by_hand(issued: House) -> None:
    """Faults 53, 55, 59. Fails when net, tax, total, the kind of tax or the number of a January invoice departs."""
    documents = {name: content for name, content in contents(issued).items() if content["invoice_period"] == "2026-01"}
    worked = {row["number"]: row for row in table("The invoices")}
    assert documents.keys() == worked.keys()
    for name, row in worked.items():
        content = documents[name]
        assert content["buyer_id"] == row["buyer"]
        amounts = [Decimal(content[column]) for column in ("net_amount", "tax_amount", "total_amount")]
        assert amounts == [Decimal(row[column]) for column in ("net", "tax", "total")], name
        assert [tax["kind"] for tax in content["taxes"]] == [row["the tax"].partition(":")[0]], name


def contents(house: House) -> dict[str, Json]:
    """Invoice number -> its content as the ledger holds it, without the hashes of what it was computed from."""
    entries = Ledger(open_storage(house.home / "lake")).entries()
    found = [invoice["content"] for entry in entries for invoice in entry.invoices]
    return {
        content["invoice_number"]: {name: value for name, value in content.items() if name not in SOURCE_HASHES}
        for content in found
    }


def test_every_invoice_is_the_golden_one_byte_for_byte(issued: House) -> None:
    """Fault 72. Fails when a byte of any of the 27 invoices changes. A change that is meant is renewed: README.md."""
    folder = HERE / "invoices"
    found = {f"{name}.json": canonical(content) for name, content in contents(issued).items()}
    if os.environ.get("GOLDEN_RENEW"):
        folder.mkdir(exist_ok=True)
        for path in folder.glob("*.json"):
            path.unlink()
        for name, content in found.items():
            (folder / name).write_bytes(content)
    golden = {path.name: path.read_bytes() for path in folder.glob("*.json")}
    assert len(golden) == 27
    assert found.keys() == golden.keys()
    assert not [name for name, content in found.items() if content != golden[name]]


def test_each_correction_says_why(issued: House) -> None:
    """Fails when a restated bill, late usage, a corrected price or a moved account is not named as the reason of its
    corrections, or the inputs before and after are not those that changed."""
    found = marts(
        issued,
        "select strftime(billing_period, '%Y-%m') as invoice, strftime(service_period, '%Y-%m') as month, agreement_id,"
        " charge_key, amount, reason, inputs_before, inputs_after from fct_restatements order by all",
    )
    worked = table("Why they were corrected")
    columns = ("invoice", "month", "edge", "key", "reason")
    names = ("invoice", "month", "agreement_id", "charge_key", "reason")
    assert [tuple(row[name] for name in names) for row in found] == [
        tuple(row[name] for name in columns) for row in worked
    ]
    assert [row["amount"] for row in found] == [Decimal(row["line"]) for row in worked]
    for row in found:
        before, after = (set(row[name].split("; ")) for name in ("inputs_before", "inputs_after"))
        assert before.isdisjoint(after), "an input that did not change is no reason"
        inputs = {text.rpartition(" ")[0].split(" deliveries")[0].rstrip(" 0123456789") for text in before}
        assert (
            inputs
            == {
                "restated_bill": {"aws_cur"},
                "late_usage": {"edge"},
                "price_correction": {"catalog charge_prices"},
                "reassigned": {"catalog resource_owners"},
            }[row["reason"]]
        ), row


def test_a_correction_is_explained_by_its_reason_where_nothing_is_rated_any_more(issued: House) -> None:
    """Fails when a line that gives back an account that moved away ends at the ledger, without why."""
    with opened(Settings(home=issued.home)) as connection:
        (line_id,) = connection.execute(
            "select line_id from fct_invoice_lines where agreement_id = 'west-gamma' and charge_class = 'Correction'"
        ).fetchone()
        steps = {step.name: step.rows for step in explained(connection, line_id)}
    assert list(steps) == ["invoice line", "corrects", "why it is corrected", "rated charges"]
    assert steps["why it is corrected"][0]["reason"] == "reassigned" and steps["rated charges"] == []


def test_a_corrected_line_names_what_was_billed_since(issued: House) -> None:
    """Fails when an issued line shows charges as they are rated now, and not the lines that make up the difference."""
    with opened(Settings(home=issued.home)) as connection:
        corrected = connection.execute(
            "select distinct corrects_line_id from fct_invoice_lines where corrects_line_id is not null order by all"
        ).fetchall()
        assert corrected
        for (line_id,) in corrected:
            steps = {step.name: step.rows for step in explained(connection, line_id, limit=1000)}
            billed = [*steps["invoice line"], *steps["billed for the charge since"]]
            assert sum(row["exact_amount"] for row in billed) == sum(row["amount"] for row in steps["rated charges"])


def test_an_entry_says_what_it_was_made_from(issued: House) -> None:
    """Faults 60, 74. Fails when the ledger cannot tell with which inputs, settings and code a month was issued."""
    entries = [entry.document for entry in Ledger(open_storage(issued.home / "lake")).entries()]
    assert len(entries) == len(SELLERS) * len(PERIODS)
    for document in entries:
        months = {item["service_month"] for item in document["inputs"]}
        assert months == {None, *(period for period in PERIODS if period <= document["period"])}
        assert document["settings"] == {"first_period": "2018-01", "quarantine_threshold": "0.01", "target": "duckdb"}
        assert len(document["code_version"]) == 16 and len(document["inputs_hash"]) == 16
        assert all(gate["passed"] for gate in document["gates"])


def test_each_seller_bills_in_each_currency_in_each_month(issued: House) -> None:
    """Fails when the world no longer holds what golden invoices are for, or nothing of it reconciles."""
    documents = contents(issued).values()
    held = {(content["seller_id"], content["currency"], content["invoice_period"]) for content in documents}
    assert held == {
        (seller, code, period) for seller in SELLERS for code in ("USD", "JPY", "KWD") for period in PERIODS
    }
    assert marts(issued, "select count(*) as hops from fct_reconciliation where unexplained <> 0") == [{"hops": 0}]
    assert issued(CLOSES["2026-03"], "verify")["problems"] == []
