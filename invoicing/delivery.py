"""What leaves the house, once: notices to people, issued documents to billing systems, each under a key for ever.

A notice is written into the outbox first, carried, and marked as carried. After a kill in between it is carried again
under the same key, and a notifier does nothing for a key it knows: so nobody is told twice (fault 70). Of documents the
ledger itself is what waits, and a receipt in the lake is the mark (fault 69).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from ingestion.faultpoints import reached
from ingestion.storage import Storage
from invoicing.entries import Json, canonical, folder
from invoicing.exports.documents import Document

WAITING, CARRIED = "waiting/", "carried/"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell. Two notices about the same thing have the same `about`, whatever their figures say."""

    kind: str  # budget_crossing, late_server
    about: tuple[str, ...]
    recipient: str  # party, or operations
    subject: str
    facts: dict[str, Any]

    @property
    def key(self) -> str:
        """The same for ever and for any order of finding: kind and a hash of what it is about."""
        return f"{self.kind}-{hashlib.sha256(json.dumps([self.kind, *self.about]).encode()).hexdigest()[:24]}"

    def content(self) -> bytes:
        document = {
            "key": self.key,
            "kind": self.kind,
            "recipient": self.recipient,
            "subject": self.subject,
            "facts": self.facts,
        }
        return (json.dumps(document, indent=1, default=str, ensure_ascii=False) + "\n").encode()


class Notifier(Protocol):
    """Carries notices somewhere. `carry` may be called again with a key it has carried, and then does nothing."""

    def carry(self, key: str, content: bytes) -> None: ...


class FolderNotifier:
    """One file per notice in a folder or bucket: the default, which needs no network."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    def carry(self, key: str, content: bytes) -> None:
        self.storage.write(f"{key}.json", content, if_absent=True)


def tell(notices: Iterable[Notice], outbox: Storage, notifier: Notifier) -> list[str]:
    """Puts new notices into the outbox and carries what waits there; returns the keys carried now."""
    for notice in notices:
        if not outbox.exists(f"{CARRIED}{notice.key}"):
            outbox.write(f"{WAITING}{notice.key}", notice.content(), if_absent=True)
            reached("notice_waiting")
    carried = []
    for file in outbox.files(WAITING):
        key = file.key.removeprefix(WAITING)
        if outbox.exists(f"{CARRIED}{key}"):
            continue
        content = outbox.read_bytes(file.key)
        notifier.carry(key, content)
        reached("notice_carried")
        outbox.write(f"{CARRIED}{key}", content, if_absent=True)
        carried.append(key)
    return carried


class Unsendable(Exception):
    """A document that the system cannot take as it was issued; the message says why and what to do."""


class Carrier(Protocol):
    """Brings documents into one billing system, and knows one it has brought before by its key."""

    destination: str  # names the system and the account or place in it: safe in a key of the lake

    def refusal(self, document: Document) -> str:
        """Why the system cannot take it, told without asking the system; empty where it can."""

    def carry(self, document: Document) -> Json:
        """Brings it there, or finds it there, whole; returns what it is called there. Raises Unsendable."""


@dataclass(frozen=True, slots=True)
class Sending:
    """What became of one document."""

    document: Document
    status: str  # sent, sent_before, refused
    detail: str = ""


def receipt_key(destination: str, document: Document) -> str:
    return f"sent/{destination}/{folder(document.seller_id)}/{folder(document.number)}.json"


def send(documents: Iterable[Document], receipts: Storage, carrier: Carrier, now: datetime) -> Iterator[Sending]:
    """Carries every document that has no receipt, one after another, and writes its receipt.

    A kill between the two leaves a document without a receipt: it is carried again, and the carrier finds it there.
    """
    for document in documents:
        key = receipt_key(carrier.destination, document)
        if receipts.exists(key):
            yield _sent_before(document, json.loads(receipts.read_bytes(key)), key)
            continue
        if why := carrier.refusal(document):
            yield Sending(document, "refused", why)
            continue
        reached("export")
        try:
            found = carrier.carry(document)
        except Unsendable as error:
            yield Sending(document, "refused", str(error))
            continue
        receipts.write(key, _receipt(document, carrier.destination, found, now), if_absent=True)
        reached("export")
        yield Sending(document, "sent", ", ".join(map(str, found.values())))


def _receipt(document: Document, destination: str, found: Json, now: datetime) -> bytes:
    return canonical(
        {
            "destination": destination,
            "key": document.key,
            "content_hash": document.content_hash,
            "total_amount": document.total,
            "currency": document.currency,
            "found": found,
            "sent_at": now.isoformat(),
        }
    )


def _sent_before(document: Document, receipt: Json, key: str) -> Sending:
    if receipt["content_hash"] != document.content_hash:
        return Sending(document, "refused", f"{key} says that another content was sent under this number")
    return Sending(document, "sent_before", f"sent {receipt['sent_at']}")
