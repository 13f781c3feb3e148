"""What is told to people, once: an outbox with one entry per notice, named by what it says, and whoever carries it.

A notice is written into the outbox first, carried, and marked as carried. After a kill in between it is carried again
under the same key, and a notifier does nothing for a key it knows: so nobody is told twice (fault 70).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from ingestion.faultpoints import reached
from ingestion.storage import Storage

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
