"""The lake's manifests as values: what a landing committed, and which of its deliveries is current. No storage here.

A manifest is JSON with sorted keys, written last and never edited. Amounts are exact decimals in text. It holds no
clock: landing the same deliveries again gives the same bytes (the storage's time of the file says when it landed).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ingestion.contracts import Contract

FORMAT = 1

Key = tuple[str, ...]  # deliveries of one key replace one another


@dataclass(slots=True)
class LandedFile:
    """One delivered file and what became of its rows."""

    key: str
    size: int
    sha256: str
    rows_in: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0
    control_total: str | None = None  # delivered amount where the file has one currency


@dataclass(slots=True)
class Total:
    """Control totals of a delivery for one month and currency; amounts are None where the contract names no amount."""

    period: str  # YYYY-MM or ""
    currency: str | None
    amount_delivered: str | None = None
    amount_landed: str | None = None
    amount_quarantined: str | None = None
    rows_in: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0


@dataclass(slots=True)
class Delivery:
    delivery_id: str
    account: str
    period: str | None
    name: str
    version: str  # the producer's; the greater one replaces
    revision: int = 0  # of a catalog table delivered again under the same name, or judged against other references
    received_at: str = ""  # ISO instant: when the inbox received its last file
    reason: str = ""
    details: dict[str, str] = field(default_factory=dict)
    judged_by: list[str] = field(default_factory=list)  # ids of the deliveries its references were checked against
    files: list[LandedFile] = field(default_factory=list)
    totals: list[Total] = field(default_factory=list)


@dataclass(slots=True)
class Part:
    """One Parquet file in the lake."""

    key: str
    period: str  # YYYY-MM or ""
    rows: int
    size: int
    sha256: str


@dataclass(slots=True)
class Manifest:
    """One commit. `repeated`: content that had landed before came again under a newer version; it has no rows."""

    feed: str
    table: str
    landing_id: str
    status: Literal["landed", "rejected", "repeated"]
    contract_version: str
    deliveries: list[Delivery]
    parts: list[Part] = field(default_factory=list)
    quarantined: list[Part] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    takes_back: list[str] = field(default_factory=list)  # earlier months with events that it voids, YYYY-MM
    landed_at: str = ""  # not in the file: the storage's time

    @property
    def key(self) -> str:
        """Where it lies. A rejection never takes the place of a landing: what was refused may land one day."""
        suffix = {"landed": "", "rejected": ".rejected", "repeated": f".repeated-{self._newness()}"}[self.status]
        return f"manifests/{self.feed}/{self.landing_id}{suffix}.json"

    def months(self) -> list[str]:
        """Months that it has rows of, rejected ones too, and earlier ones whose events it voids."""
        return [part.period for part in (*self.parts, *self.quarantined)] + self.takes_back

    def _newness(self) -> str:
        return digest(f"{delivery.version}|{delivery.revision}" for delivery in self.deliveries)

    def to_bytes(self) -> bytes:
        """The file's content: the same manifest always gives the same bytes. `sha256` is that of all the rest."""
        document = asdict(self) | {"manifest": FORMAT}
        del document["landed_at"]
        if not self.takes_back:
            del document["takes_back"]
        return _written(document | {"sha256": hashlib.sha256(_written(document)).hexdigest()})

    @staticmethod
    def from_bytes(data: bytes, landed_at: str) -> Manifest:
        """Reads what `to_bytes` wrote; raises ValueError for any other format. Whether each byte is as it was written
        `as_written` tells."""
        document: dict[str, Any] = json.loads(data)
        document.pop("sha256", None)
        if document.pop("manifest", None) != FORMAT:
            raise ValueError(f"not a manifest of format {FORMAT}")
        deliveries = [
            Delivery(
                **entry
                | {"files": [LandedFile(**file) for file in entry["files"]]}
                | {"totals": [Total(**total) for total in entry["totals"]]}
            )
            for entry in document.pop("deliveries")
        ]
        parts = [Part(**entry) for entry in document.pop("parts")]
        quarantined = [Part(**entry) for entry in document.pop("quarantined")]
        return Manifest(**document, deliveries=deliveries, parts=parts, quarantined=quarantined, landed_at=landed_at)


def _written(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode()


def as_written(data: bytes) -> bool:
    """Whether a manifest is what was written, by the hash it carries; those of before carry none and are taken for it.
    Raises ValueError where it is no JSON."""
    document: dict[str, Any] = json.loads(data)
    kept = document.pop("sha256", None)
    if kept is None:
        return _written(document) == data
    return hashlib.sha256(_written(document)).hexdigest() == kept and _written(document | {"sha256": kept}) == data


def digest(texts: Iterable[str]) -> str:
    """First 16 hex digits of the sha256 of the texts, joined by "|"."""
    return hashlib.sha256("|".join(texts).encode()).hexdigest()[:16]


def delivery_id(feed: str, account: str, sha256s: Iterable[str]) -> str:
    """Names a delivery by its content: the same files, under whatever names, are the same delivery."""
    return digest([feed, account, *sorted(sha256s)])


def table_delivery_id(
    feed: str, table: str, delivered_at: str, sha256s: Iterable[str], judged_by: Iterable[str]
) -> str:
    """Names the delivery of a whole table. Its time counts (an old table that comes again is news), and its judges."""
    return digest([feed, table, delivered_at, *sorted(sha256s), *judged_by])


def replacement_key(contract: Contract, delivery: Delivery) -> Key | None:
    """What a delivery replaces: a bill its account and month, a catalog table its own time; samples replace nothing."""
    delivers = contract.properties["delivers"]
    if delivers == "whole_period":
        return (delivery.account, delivery.period or "")
    if delivers == "whole_table":
        return (delivery.details["recorded_at"],)
    return None


def newest(deliveries: Sequence[Delivery], authoritative: Mapping[str, str]) -> Delivery:
    """The current one of deliveries that replace one another: of the authoritative report where the account has several
    (else of the first by name, as the source finds them), the greatest version; whatever order they landed in."""
    reports = {delivery.details.get("report", "") for delivery in deliveries}
    wanted = authoritative.get(deliveries[0].account)
    chosen = wanted if wanted in reports else min(reports)
    eligible = [delivery for delivery in deliveries if delivery.details.get("report", "") == chosen]
    return max(eligible, key=lambda delivery: (delivery.version, delivery.revision, delivery.delivery_id))


def exact(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
