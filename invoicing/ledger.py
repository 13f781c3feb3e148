"""The ledger: every invoice ever issued, append-only, in the lake. Models read it as relations; nothing edits it.

    ledger/<seller>/<sequence>.json         one issue or void: one atomic write, which also assigns the numbers
    ledger_marks/<seller>/<sequence>.json   says that the entry was written, so that a lost one is missed

The sequence number is the compare-and-swap: two issues of a seller want the same name, and storage lets one have it.
A mark that a kill left out is written by whoever comes next. What an entry says is in `entries.py`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ingestion.faultpoints import reached
from ingestion.storage import Storage
from invoicing.entries import (
    FORMAT,
    NO_HASH,
    Entry,
    Json,
    canonical,
    counter_of,
    entry_key,
    hash_of,
    mark_key,
    sealed,
)


class Conflict(Exception):
    """Somebody else wrote the seller's next entry first: nothing of ours was written."""


class Damaged(Exception):
    """The ledger is not what was written; the message names the file. Nothing may be issued until it is restored."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where a seller's ledger stands: what the next entry builds on."""

    sequence: int = 0
    seal: str = NO_HASH
    invoice_hash: str = NO_HASH
    last_number: int = 0
    last_period: str = ""  # newest closed month
    last_issued_at: str = ""


class Ledger:
    """A view of the ledger in one lake; sees what was there when `refresh` was last called."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._entries: list[Entry] | None = None

    def refresh(self) -> None:
        self._entries = None

    def entries(self) -> list[Entry]:
        """All entries, by seller and sequence; raises Damaged for a file that is no entry."""
        if self._entries is None:
            keys = [file.key for file in self.storage.files("ledger/")]
            with ThreadPoolExecutor(8) as pool:
                contents = pool.map(self.storage.read_bytes, keys)
                self._entries = [Entry(key, _parsed(key, data)) for key, data in zip(keys, contents, strict=True)]
        return self._entries

    def of(self, seller_id: str) -> list[Entry]:
        return [entry for entry in self.entries() if entry.seller_id == seller_id]

    def find(self, invoice_number: str) -> tuple[Entry, Json] | None:
        """The entry and invoice with this number."""
        for entry in self.entries():
            for invoice in entry.invoices:
                if invoice["content"]["invoice_number"] == invoice_number:
                    return entry, invoice
        return None

    def voided_by(self) -> dict[str, str]:
        """Invoice number -> number of the document that took it back."""
        return {
            invoice["content"]["refers_to"]: invoice["content"]["invoice_number"]
            for entry in self.entries()
            if not entry.closes
            for invoice in entry.invoices
        }

    def months(self, seller_id: str | None = None) -> set[str]:
        """Months (YYYY-MM) that anything was issued for, by this seller or by any: closed ones, and those of lines."""
        entries = self.entries() if seller_id is None else self.of(seller_id)
        closed = {entry.period for entry in entries if entry.closes}
        lines = (line for entry in entries for invoice in entry.invoices for line in invoice["content"]["lines"])
        return closed | {line["service_period"] for line in lines}

    def prefixes(self) -> dict[str, set[str]]:
        """Number prefix -> sellers that have used it."""
        used: dict[str, set[str]] = defaultdict(set)
        for entry in self.entries():
            for invoice in entry.invoices:
                used[invoice["content"]["invoice_number"].rsplit("-", 2)[0]].add(entry.seller_id)
        return used

    def head(self, seller_id: str) -> Head:
        """Where the seller stands, by its verified chain; raises Damaged."""
        for problem in self._problems(seller_id):
            raise Damaged(problem)
        entries = self.of(seller_id)
        invoices = [invoice for entry in entries for invoice in entry.invoices]
        if not entries:
            return Head()
        return Head(
            sequence=entries[-1].sequence,
            seal=entries[-1].seal,
            invoice_hash=invoices[-1]["content_hash"] if invoices else NO_HASH,
            last_number=counter_of(invoices[-1]["content"]["invoice_number"]) if invoices else 0,
            last_period=max((entry.period for entry in entries if entry.closes), default=""),
            last_issued_at=entries[-1].document["issued_at"],
        )

    def append(self, head: Head, document: Json) -> Entry:
        """Writes the entry that follows `head`: one write, all or nothing. Raises Conflict where another was first."""
        sequence = head.sequence + 1
        whole = sealed(document | {"format": FORMAT, "sequence": sequence, "previous_seal": head.seal})
        entry = Entry(entry_key(whole["seller_id"], sequence), whole)
        data = canonical(whole)
        reached("issue_before_entry")
        # An answer lost on its way from S3 makes a second try of our own fail: what lies there tells whose it is.
        if not self.storage.write(entry.key, data, if_absent=True) and not self._holds(entry.key, data):
            raise Conflict(f"{entry.key} was written by another process: look what it issued, then try again")
        reached("issue_after_entry")
        self.refresh()
        self._mark(entry)
        reached("issue_after_mark")
        return entry

    def _holds(self, key: str, data: bytes) -> bool:
        """S3 also refuses while another write of the name is under way, which may come to nothing."""
        return self.storage.exists(key) and self.storage.read_bytes(key) == data

    def _mark(self, entry: Entry) -> None:
        data = canonical({"seal": entry.seal})
        self.storage.write(mark_key(entry.seller_id, entry.sequence), data, if_absent=True)

    def complete(self, seller_id: str) -> bool:
        """Writes the marks that a killed issue left out; True where one was missing."""
        missing = [e for e in self.of(seller_id) if not self.storage.exists(mark_key(seller_id, e.sequence))]
        for entry in missing:
            self._mark(entry)
        return bool(missing)

    def verify(self) -> list[str]:
        """What is wrong, first things first, each naming its file; empty where every byte is as it was written."""
        try:
            sellers = sorted({entry.seller_id for entry in self.entries()})
        except Damaged as error:
            return [str(error)]
        marked = {file.key.split("/")[1] for file in self.storage.files("ledger_marks/")}
        lost = sorted(marked - {entry.key.split("/")[1] for entry in self.entries()})
        problems = [f"ledger/{name}/: every entry of this seller is missing, its marks are there" for name in lost]
        return problems + [problem for seller in sellers for problem in self._problems(seller)]

    def _problems(self, seller_id: str) -> Iterator[str]:
        """Walks a seller's chain; entries in the order of their names."""
        seal, invoice_hash, number = NO_HASH, NO_HASH, 0
        entries = self.of(seller_id)
        for position, entry in enumerate(entries, start=1):
            if entry.key != entry_key(seller_id, position):
                yield f"{entry_key(seller_id, position)}: missing, or another entry lies in its place ({entry.key})"
                return
            if self.storage.read_bytes(entry.key) != canonical(sealed(entry.document)):
                yield f"{entry.key}: changed after it was written (its seal does not fit its bytes)"
                return
            if entry.document["previous_seal"] != seal:
                yield f"{entry.key}: does not follow the entry before it (previous_seal)"
                return
            for invoice in entry.invoices:
                content = invoice["content"]
                if hash_of(content) != invoice["content_hash"] or content["previous_hash"] != invoice_hash:
                    yield f"{entry.key}: invoice {content['invoice_number']} does not fit its hash or its chain"
                    return
                if counter_of(content["invoice_number"]) != number + 1:
                    yield f"{entry.key}: invoice {content['invoice_number']} leaves a gap after number {number}"
                    return
                invoice_hash, number = invoice["content_hash"], number + 1
            seal = entry.seal
        yield from self._marks_without_entry(seller_id, entries)

    def _marks_without_entry(self, seller_id: str, entries: list[Entry]) -> Iterator[str]:
        """Fault 68: a ledger that lost its last entry would give its numbers a second time."""
        seals = {mark_key(seller_id, entry.sequence): entry for entry in entries}
        prefix = mark_key(seller_id, 0).rpartition("/")[0] + "/"
        for file in self.storage.files(prefix):
            if file.key not in seals:
                name = file.key.replace("ledger_marks/", "ledger/", 1)
                yield f"{name}: missing; {file.key} says it was written: restore it, its numbers are taken"
            elif self.storage.read_bytes(file.key) != canonical({"seal": seals[file.key].seal}):
                yield f"{seals[file.key].key}: is not the entry that {file.key} was written for"


def missing_invoices(ledger: Ledger, shown: Iterable[tuple[str, str]]) -> list[str]:
    """Numbers of invoices that were seen in this ledger before, as (number, content hash), and are not in it any more:
    an older copy of the lake was restored. Its chain is whole, so nothing in itself can tell."""
    held = {invoice["content_hash"] for entry in ledger.entries() for invoice in entry.invoices}
    return sorted(number for number, content_hash in shown if content_hash not in held)


def _parsed(key: str, data: bytes) -> Json:
    try:
        document = json.loads(data)
        if document["format"] == FORMAT and entry_key(document["seller_id"], document["sequence"]) == key:
            return document
    except (ValueError, KeyError, TypeError):
        pass
    raise Damaged(f"{key}: is not an entry of format {FORMAT} under its own name")
