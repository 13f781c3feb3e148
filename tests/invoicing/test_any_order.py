"""Whatever is delivered, restated, re-priced, issued, voided, killed or restored, in any order: the difference holds.

The machine drives the real ledger and the real models of the difference (dbt's own SQL, as views); what is rated is
the rows it puts under them. Hypothesis prints and keeps what fails.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ingestion.storage import open_storage
from invoicing.entries import Json, chained, numbered, plain, taken_back
from invoicing.ledger import Head, Ledger
from invoicing.relations import relations
from orchestration.warehouse import _write
from tests.dbt_project.conftest import ScratchWarehouse

PERIODS = [f"2026-{month:02d}" for month in range(1, 7)]
EDGES = {"acme-shop": "total", "acme-yard": "line"}
KEYS = ("traffic", "seats", "aws")
Rated = dict[tuple[str, str, str], Decimal]  # (edge, service period, key) -> exact amount


def rounded(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


@pytest.fixture(scope="module")
def difference(scratch_warehouse: Callable[..., ScratchWarehouse]) -> ScratchWarehouse:
    """The models of the difference as views over tables that a test fills."""
    warehouse = scratch_warehouse()
    with warehouse.connect() as connection:
        connection.execute("create schema if not exists intermediate; create schema if not exists staging")
        connection.execute(
            "create table intermediate.int_rating__keys_rated (service_period date, agreement_id varchar,"
            " seller_id varchar, buyer_id varchar, charge_key varchar, currency varchar, due_period date,"
            " payer_account_id varchar, description varchar, tax_category varchar, is_rated boolean,"
            " quantity decimal(38, 12), exact_amount decimal(38, 12), resold_amount decimal(38, 12),"
            " unit_price decimal(38, 12), amount decimal(38, 4), minor_unit bigint);"
            "create table staging.stg_catalog__agreements (agreement_id varchar, rounding varchar)"
        )
        connection.executemany("insert into staging.stg_catalog__agreements values (?, ?)", list(EDGES.items()))
    done = warehouse.dbt("run", "--select", "int_rating__keys_rounded", "int_rating__lines_drafted")
    assert done.returncode == 0, done.stdout[-3000:]
    return warehouse


class Billing(RuleBasedStateMachine):
    """One seller, two edges, six months. `connection` is set by the test."""

    connection: duckdb.DuckDBPyConnection

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ledger-"))
        self.rated: Rated = {}
        self.written: dict[Path, bytes] = {}
        self.issues = 0
        self.show()

    def teardown(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def ledger(self) -> Ledger:
        return Ledger(open_storage(self.folder))

    def show(self) -> None:
        """What `run` does: rated amounts and the ledger as the models read them."""
        rows = [
            [
                *(f"{period}-01", edge, "acme", edge.partition("-")[2], key, "EUR", f"{period}-01", None, key, "S"),
                *(True, Decimal(1), exact, Decimal(0), exact, rounded(exact), 2),
            ]
            for (edge, period, key), exact in self.rated.items()
        ]
        self.connection.execute("delete from intermediate.int_rating__keys_rated")
        if rows:
            marks = ", ".join("?" * 17)
            self.connection.executemany(f"insert into intermediate.int_rating__keys_rated values ({marks})", rows)
        for name, issued in relations(self.ledger).items():
            # Replacing a table would leave the views over it behind.
            _write(self.connection, name, issued)

    def drafts(self) -> list[dict[str, Any]]:
        cursor = self.connection.execute("select * from intermediate.int_rating__lines_drafted order by line_id")
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    # -- what may happen ---------------------------------------------------------------------------------------------

    @rule(
        edge=st.sampled_from(sorted(EDGES)),
        period=st.sampled_from(PERIODS),
        key=st.sampled_from(KEYS),
        amount=st.integers(-40_000, 90_000).map(lambda thousandths: Decimal(thousandths) / 1000),
    )
    def rate(self, edge: str, period: str, key: str, amount: Decimal) -> None:
        """A delivery, late usage, a restatement, another price: the key is rated anew."""
        self.rated[edge, period, key] = amount
        self.show()

    @precondition(lambda self: self.rated)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        """A source restates a month without it, or a resource moves to another owner."""
        edge, period, key = data.draw(st.sampled_from(sorted(self.rated)))
        amount = self.rated.pop((edge, period, key))
        other = next(name for name in EDGES if name != edge)
        if data.draw(st.booleans()):
            self.rated[other, period, key] = amount
        self.show()

    @precondition(lambda self: self.issues < len(PERIODS))
    @rule(dies=st.booleans())
    def issue(self, dies: bool) -> None:
        """The next month in order; dying after the write leaves an entry without its mark, which the next completes."""
        ledger, head = self.ledger, self.ledger.head("acme")
        period = PERIODS[self.issues]
        ledger.complete("acme")
        due = [line for line in self.drafts() if f"{line['invoice_period']:%Y-%m}" == period]
        contents = [self._content(head, period, due, edge, n) for n, edge in enumerate(_edges_of(due), start=1)]
        self._append(ledger, head, self._document("issue", period, period, contents, head))
        self.issues += 1
        if dies:
            mark = next(self.folder.glob(f"ledger_marks/acme/{head.sequence + 1:08d}.json"))
            mark.unlink()
        self.show()

    @precondition(lambda self: self._voidable())
    @rule(data=st.data())
    def void(self, data: st.DataObject) -> None:
        ledger, head = self.ledger, self.ledger.head("acme")
        invoice = data.draw(st.sampled_from(self._voidable()))
        period = next(iter(PERIODS[self.issues :]), "2026-07")
        content = taken_back(invoice["content"], period, numbered("A", 2026, head.last_number + 1))
        affects = invoice["content"]["invoice_period"]
        self._append(ledger, head, self._document("void", period, affects, [content], head))
        self.show()

    @rule()
    def restore(self) -> None:
        """The lake comes back from a copy, the warehouse from nothing."""
        copy = Path(tempfile.mkdtemp(prefix="ledger-"))
        shutil.copytree(self.folder, copy, dirs_exist_ok=True)
        shutil.rmtree(self.folder)
        self.written = {copy / path.relative_to(self.folder): data for path, data in self.written.items()}
        self.folder = copy
        self.show()

    # -- what always holds -------------------------------------------------------------------------------------------

    @invariant()
    def issued_and_draft_are_what_is_rated(self) -> None:
        """Section 9: per edge and service period, the rounded total or the rounded keys."""
        billed: dict[tuple[str, str], Decimal] = {}
        for line in [*self.drafts(), *relations(self.ledger)["ledger_lines"]]:
            place = (line["agreement_id"], f"{line['service_period']:%Y-%m}")
            billed[place] = billed.get(place, Decimal(0)) + line["amount"]
        for place in billed.keys() | {(edge, period) for edge, period, _ in self.rated}:
            exact = [amount for (edge, period, _), amount in self.rated.items() if (edge, period) == place]
            whole = rounded(sum(exact, Decimal(0)))
            expected = whole if EDGES[place[0]] == "total" else sum(map(rounded, exact), Decimal(0))
            assert billed.get(place, Decimal(0)) == expected, place

    @invariant()
    def nothing_issued_changed(self) -> None:
        assert all(path.read_bytes() == data for path, data in self.written.items())
        assert self.ledger.verify() == []

    @invariant()
    def numbers_have_no_gap(self) -> None:
        found = [i["content"]["invoice_number"] for entry in self.ledger.entries() for i in entry.invoices]
        assert found == [numbered("A", 2026, position) for position in range(1, len(found) + 1)]

    @invariant()
    def drafts_are_due_in_open_months(self) -> None:
        """And asking twice gives the same."""
        drafts = self.drafts()
        assert drafts == self.drafts()
        closed = PERIODS[: self.issues]
        assert not [line for line in drafts if f"{line['invoice_period']:%Y-%m}" in closed or not line["amount"]]

    # -- helpers -----------------------------------------------------------------------------------------------------

    def _voidable(self) -> list[Json]:
        taken = self.ledger.voided_by()
        invoices = [invoice for entry in self.ledger.entries() if entry.closes for invoice in entry.invoices]
        return [invoice for invoice in invoices if invoice["content"]["invoice_number"] not in taken]

    def _append(self, ledger: Ledger, head: Head, document: Json) -> None:
        entry = ledger.append(head, document)
        path = self.folder / entry.key
        self.written[path] = path.read_bytes()

    @staticmethod
    def _content(head: Head, period: str, due: list[dict[str, Any]], edge: str, position: int) -> Json:
        own = [line for line in due if line["agreement_id"] == edge]
        names = ("line_number", "charge_key", "description", "quantity", "unit_price", "exact_amount", "amount")
        names += ("tax_category", "charge_class", "corrects_line_id")
        lines = [{name: line[name] for name in names} for line in own]
        for line, drafted in zip(lines, own, strict=True):
            line["service_period"] = f"{drafted['service_period']:%Y-%m}"
        net = sum((line["amount"] for line in own), Decimal(0))
        shared = {"agreement_id": edge, "seller_id": "acme", "buyer_id": edge.partition("-")[2], "currency": "EUR"}
        number = numbered("A", 2026, head.last_number + position)
        kind = "credit_note" if net < 0 else "invoice"
        shared |= {"invoice_number": number, "document_type": kind, "refers_to": None, "invoice_period": period}
        amounts = {"net_amount": net, "tax_amount": Decimal(0), "total_amount": net}
        return plain(shared | amounts | {"lines": lines, "taxes": [], "tax_rates": [], "inputs_hash": "i"})

    @staticmethod
    def _document(kind: str, period: str, affects: str, contents: list[Json], head: Head) -> Json:
        return {
            "kind": kind,
            "seller_id": "acme",
            "period": period,
            "affects_from": affects,
            "issued_at": "2026-07-01T00:00:00+00:00",
            "inputs_hash": "i",
            "waivers": [],
            "fx_rates": [],
            "invoices": chained(contents, head.invoice_hash),
        }


def _edges_of(lines: list[dict[str, Any]]) -> list[str]:
    return sorted({line["agreement_id"] for line in lines})


@pytest.fixture
def machine(difference: ScratchWarehouse) -> Iterator[type[Billing]]:
    with difference.connect() as connection:
        Billing.connection = connection
        yield Billing


@pytest.mark.dbt
@pytest.mark.slow
def test_the_difference_holds_in_any_order_of_events(machine: type[Billing]) -> None:
    """Faults 40, 59, 65, 67. Fails when some order of events bills anything twice or not at all, leaves a gap in the
    numbers, breaks the chain, or books a correction into a closed month."""
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    few = settings(max_examples=25, stateful_step_count=15, deadline=None, print_blob=True)
    run_state_machine_as_test(machine, settings=settings(few, suppress_health_check=checks))
