"""The ledger alone, on a folder and on S3: appended atomically, numbered without a gap, every byte accounted for."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from ingestion.lake import Lake
from ingestion.storage import Folder, Storage, open_storage
from invoicing.entries import Json, canonical, chained, folder, numbered, plain, taken_back
from invoicing.ledger import Conflict, Damaged, Head, Ledger
from orchestration.exposing import expose_lake
from orchestration.issuing import close_months, void
from orchestration.period_state import Done
from orchestration.restoring import changed_files
from orchestration.run import with_issued
from orchestration.settings import Settings
from orchestration.warehouse import opened

ROOT = Path(__file__).parent.parent.parent


def content(number: str, amount: str = "10", **columns: Any) -> Json:
    line = {"line_number": 1, "service_period": "2026-01", "charge_key": "s/u/usage", "description": "Use"}
    line |= {"quantity": "100", "unit_price": "0.1", "exact_amount": amount, "amount": amount, "tax_category": "S"}
    line |= {"charge_class": None, "corrects_line_id": None}
    invoice = {"invoice_number": number, "document_type": "invoice", "refers_to": None, "agreement_id": "a-b"}
    invoice |= {"seller_id": "a", "buyer_id": "b", "invoice_period": "2026-01", "currency": "EUR", "lines": [line]}
    invoice |= {"net_amount": amount, "tax_amount": "1.9", "total_amount": "11.9", "inputs_hash": "i"}
    tax = {"tax_category": "S", "kind": "standard", "rate": "0.19", "net_amount": amount, "tax_amount": "1.9"}
    return invoice | {"taxes": [tax], "tax_rates": []} | columns


def document(head: Head, period: str, invoices: int = 2, seller: str = "a", issue_id: str = "1") -> Json:
    numbers = [numbered("A", 2026, head.last_number + position) for position in range(1, invoices + 1)]
    return {
        "kind": "issue",
        "seller_id": seller,
        "period": period,
        "affects_from": period,
        "issued_at": "2026-02-01T00:00:00+00:00",
        "issue_id": issue_id,
        "inputs_hash": "i",
        "waivers": [],
        "fx_rates": [],
        "invoices": chained([content(number) for number in numbers], head.invoice_hash),
    }


def append(ledger: Ledger, period: str, seller: str = "a", **more: Any) -> None:
    head = ledger.head(seller)
    ledger.append(head, document(head, period, seller=seller, **more))


def numbers(ledger: Ledger) -> list[str]:
    return [invoice["content"]["invoice_number"] for entry in ledger.entries() for invoice in entry.invoices]


def test_entries_follow_one_another_without_a_gap(storage: Storage) -> None:
    """Fault 59. Fails when numbers, hashes or the chain of a seller do not run on, or one seller moves another's."""
    ledger = Ledger(storage)
    append(ledger, "2026-01")
    append(ledger, "2026-01", seller="../other/.")
    append(ledger, "2026-02", invoices=0)
    append(ledger, "2026-03")
    assert numbers(ledger)[-4:] == [f"A-2026-{number:06d}" for number in (1, 2, 3, 4)]
    assert ledger.verify() == []
    head = ledger.head("a")
    assert (head.sequence, head.last_number, head.last_period) == (3, 4, "2026-03")


def test_of_two_issues_at_once_one_wins(storage: Storage) -> None:
    """Fault 63. Fails when two processes that saw the same head both write, or the loser leaves anything behind."""
    append(Ledger(storage), "2026-01")
    head = Ledger(storage).head("a")

    def attempt(issue_id: str) -> str:
        try:
            Ledger(storage).append(head, document(head, "2026-02", issue_id=issue_id))
        except Conflict:
            return "lost"
        return "won"

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(attempt, "abcd"))
    assert sorted(outcomes) == ["lost", "lost", "lost", "won"]
    ledger = Ledger(storage)
    assert numbers(ledger) == [f"A-2026-{number:06d}" for number in (1, 2, 3, 4)]
    assert ledger.verify() == []


def test_a_write_refused_for_another_that_came_to_nothing_is_lost_not_broken(tmp_path: Path) -> None:
    """Fault 63. Fails when S3's answer to two writes at once (409), with no object left behind, is taken for ours or
    ends in an error of the storage."""

    class Busy(Folder):
        def write(self, key: str, data: bytes | Path, if_absent: bool = False) -> bool:
            return False

    with pytest.raises(Conflict, match=r"00000001\.json"):
        append(Ledger(Busy(tmp_path)), "2026-01")
    append(Ledger(open_storage(tmp_path)), "2026-01")
    assert numbers(Ledger(open_storage(tmp_path))) == ["A-2026-000001", "A-2026-000002"]


def test_any_changed_byte_is_found_and_its_file_named(tmp_path: Path) -> None:
    """Fault 79. Fails when a flipped byte anywhere in an entry, its time of issue included, goes unnoticed."""
    storage = open_storage(tmp_path)
    for period in ("2026-01", "2026-02", "2026-03"):
        append(Ledger(storage), period, invoices=1)
    path = tmp_path / "ledger" / "a" / "00000002.json"
    original = path.read_bytes()
    for position in range(0, len(original), 7):
        changed = bytearray(original)
        changed[position] ^= 1
        path.write_bytes(bytes(changed))
        problems = Ledger(storage).verify()
        assert problems and problems[0].startswith("ledger/a/00000002.json"), (position, problems)
    path.write_bytes(original)
    assert Ledger(storage).verify() == []


def test_an_entry_rewritten_with_fitting_hashes_breaks_the_chain(tmp_path: Path) -> None:
    """Fault 79. Fails when somebody who computes the seal anew can change what was issued."""
    storage = open_storage(tmp_path)
    for period in ("2026-01", "2026-02"):
        append(Ledger(storage), period, invoices=1)
    head = Head()
    Folder(tmp_path).write("ledger/a/00000001.json", b"")
    (tmp_path / "ledger/a/00000001.json").unlink()
    forged = document(head, "2026-01", invoices=1, issue_id="forged")
    Ledger(storage).append(head, forged)
    assert Ledger(storage).verify()[0].startswith("ledger/a/00000002.json")


def test_a_lost_last_entry_is_missed_and_its_number_not_given_again(tmp_path: Path) -> None:
    """Fault 68. Fails when the last entry, or all of a seller, can vanish and its numbers be used a second time."""
    storage = open_storage(tmp_path)
    for period in ("2026-01", "2026-02"):
        append(Ledger(storage), period)
    (tmp_path / "ledger/a/00000002.json").unlink()
    assert Ledger(storage).verify()[0].startswith("ledger/a/00000002.json: missing")
    with pytest.raises(Damaged, match="00000002"):
        Ledger(storage).head("a")
    (tmp_path / "ledger/a/00000001.json").unlink()
    assert "ledger/a/" in Ledger(storage).verify()[0]
    with pytest.raises(Damaged, match="00000001"):
        Ledger(storage).head("a")


def test_a_month_before_the_first_close_is_not_issued_behind_it(tmp_path: Path) -> None:
    """Exit codes. Fails when issuing a month before the seller's first closed one breaks off instead of saying no, or
    writes anything."""
    settings = Settings(home=tmp_path, now=datetime(2026, 3, 1, tzinfo=UTC))
    append(Ledger(open_storage(settings.lake_uri)), "2026-02")
    (closing,) = close_months(settings, ["a"], "2026-01", {})
    assert (closing.status, closing.exit_code, closing.invoices) == ("already_issued", 1, [])
    assert "2026-02, the first month closed" in closing.detail
    assert len(Ledger(open_storage(settings.lake_uri)).entries()) == 1


def test_months_that_were_issued_are_made_with_a_new_one(tmp_path: Path) -> None:
    """Faults 40, 68. Fails when a warehouse that was lost makes a month without the issued ones before it, whose lines
    it would give back because nothing is rated for them; or makes months later, too old or made already."""
    settings = Settings(home=tmp_path, first_period="2025-12")
    for seller, period in (("a", "2025-11"), ("a", "2025-12"), ("b", "2026-03")):
        append(Ledger(open_storage(settings.lake_uri)), period, seller=seller)  # lines are of 2026-01
    ledger = Ledger(open_storage(settings.lake_uri))
    assert ledger.months() == {"2025-11", "2025-12", "2026-01", "2026-03"}
    assert ledger.months("b") == {"2026-01", "2026-03"}
    state = Done("2026", "i", "c", "e")
    assert with_issued(settings, ["2026-02"], {}) == ["2025-12", "2026-01", "2026-02"]
    assert with_issued(settings, ["2026-02"], {"2026-01": state}) == ["2025-12", "2026-02"]
    assert with_issued(settings, ["2026-02"], {"2026-02": state}) == ["2026-02"]
    assert with_issued(settings, [], {}) == []


def test_a_ledger_restored_from_yesterday_is_not_written_on(tmp_path: Path) -> None:
    """Fault 68. Fails when an older copy of the lake, whole in itself, would give numbers again that were given since,
    though the warehouse has shown them; or when the newer copy is not taken back."""
    settings = Settings(home=tmp_path / "home")
    lake = tmp_path / "home" / "lake"
    append(Ledger(open_storage(lake)), "2026-01")
    shutil.copytree(lake, tmp_path / "yesterday")
    append(Ledger(open_storage(lake)), "2026-02")
    shutil.copytree(lake, tmp_path / "today")

    def shown() -> int:
        with opened(settings) as connection:
            expose_lake(connection, Lake(open_storage(lake)), "2026-01", date(2026, 3, 1))
            return connection.execute("select count(*) from lake.ledger_invoices").fetchone()[0]

    assert shown() == 4
    for copy, invoices in (("yesterday", None), ("today", 4)):
        shutil.rmtree(lake)
        shutil.copytree(tmp_path / copy, lake)
        assert Ledger(open_storage(lake)).verify() == []
        if invoices is None:
            with pytest.raises(Damaged, match=r"2 invoices.*A-2026-000003 first.*older copy"):
                shown()
            with pytest.raises(Damaged, match="older copy"):
                void(settings, "A-2026-000001", "why")
            assert ["older copy" in problem for problem in changed_files(settings).problems] == [True]
        else:
            assert shown() == invoices
            assert changed_files(settings).problems == []


KILLED = """
import sys
from ingestion.storage import open_storage
from invoicing.ledger import Ledger
from tests.invoicing.test_ledger import append
append(Ledger(open_storage(sys.argv[1])), "2026-02")
"""


# In the order an issue comes to them: its two writes are the entry, then the mark.
STAGES = [
    "issue_before_entry:1",
    "write_before:1",
    "write_after:1",
    "issue_after_entry:1",
    "write_before:2",
    "write_after:2",
    "issue_after_mark:1",
]
WRITTEN, MARKED = STAGES.index("write_after:1"), STAGES.index("write_after:2")


@pytest.mark.parametrize("stage", STAGES)
def test_a_kill_at_any_point_leaves_the_old_state_or_the_new(storage: Storage, stage: str) -> None:
    """Faults 59, 61. Fails when a killed issue leaves half an entry, or the next one gives a number twice or skips."""
    append(Ledger(storage), "2026-01")
    environment = os.environ | {"METERHOUSE_FAULT": stage, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", KILLED, storage.uri]
    died = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()[-2000:]
    ledger = Ledger(storage)
    assert ledger.verify() == []
    assert len(ledger.entries()) == (2 if STAGES.index(stage) >= WRITTEN else 1)
    assert ledger.complete("a") == (WRITTEN <= STAGES.index(stage) < MARKED)
    if ledger.head("a").last_period == "2026-01":
        append(ledger, "2026-02")
    assert numbers(ledger) == [f"A-2026-{number:06d}" for number in (1, 2, 3, 4)]
    assert Ledger(storage).verify() == []


FULL = """
import resource, sys
from ingestion.storage import open_storage
from invoicing.ledger import Ledger
from tests.invoicing.test_ledger import append
resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))
append(Ledger(open_storage(sys.argv[1])), "2026-02")
"""


def test_a_full_disk_issues_nothing(tmp_path: Path) -> None:
    """Fault 62. Fails when an entry that found no room leaves half a file, takes a number, or passes for written."""
    append(Ledger(open_storage(tmp_path)), "2026-01")
    command = [sys.executable, "-c", FULL, str(tmp_path)]
    full = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, check=False)
    assert full.returncode != 0 and b"File too large" in full.stderr, full.stderr.decode()[-2000:]
    ledger = Ledger(open_storage(tmp_path))
    assert ledger.verify() == [] and len(ledger.entries()) == 1
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["00000001.json", "00000001.json"]
    append(ledger, "2026-02")
    assert numbers(ledger) == [f"A-2026-{number:06d}" for number in (1, 2, 3, 4)]


def test_a_void_takes_every_line_and_tax_back() -> None:
    """Fails when a credit note keeps a sign, loses a line, or does not name what it takes back."""
    made = taken_back(content("A-2026-000001"), "2026-02", "A-2026-000002")
    assert (made["document_type"], made["refers_to"], made["invoice_period"]) == (
        "credit_note",
        "A-2026-000001",
        "2026-02",
    )
    assert (made["net_amount"], made["tax_amount"], made["total_amount"]) == ("-10", "-1.9", "-11.9")
    line = made["lines"][0]
    assert (line["quantity"], line["unit_price"], line["exact_amount"], line["amount"]) == ("-100", "0.1", "-10", "-10")
    assert (line["charge_class"], line["corrects_line_id"]) == ("Correction", "A-2026-000001/1")
    assert made["taxes"][0]["tax_amount"] == "-1.9"


def test_documents_have_one_spelling() -> None:
    """Fails when the same content could be written in two ways, so that a hash would depend on who wrote it."""
    from decimal import Decimal

    spelled = {canonical({"b": Decimal(text), "a": None}) for text in ("10", "10.0", "1E1", "10.0000")}
    assert spelled == {b'{\n "a": null,\n "b": "10"\n}\n'}
    assert plain(Decimal("-0.000")) == "0"
    assert len({folder(name) for name in ("a/b", "a%2Fb", "..", ".", "a", "A", "ä")}) == 7
    assert all("/" not in folder(name) and folder(name) not in (".", "..") for name in ("a/b", "..", "."))
