"""Ledger entries as values: what one issue or void writes, its canonical bytes and its hashes. No storage here.

An entry is one file of JSON with sorted keys and decimals as text. Each invoice's `content` holds its lines, the hash
of its inputs and the hash of the seller's previous invoice; its hash leaves out when it was issued. The entry's seal
covers every other byte of the file, the time of issue included, and names the seal of the entry before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import quote

FORMAT = 1
NO_HASH = "0" * 64  # stands before the first invoice and the first entry of a seller

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the ledger."""

    key: str
    document: Json

    @property
    def sequence(self) -> int:
        return self.document["sequence"]

    @property
    def seller_id(self) -> str:
        return self.document["seller_id"]

    @property
    def period(self) -> str:
        """Month that an issue closes, or that a void's credit note stands in."""
        return self.document["period"]

    @property
    def closes(self) -> bool:
        return self.document["kind"] == "issue"

    @property
    def seal(self) -> str:
        return self.document["seal"]

    @property
    def invoices(self) -> list[Json]:
        return self.document["invoices"]


def folder(seller_id: str) -> str:
    """The seller's folder below `ledger/`: any text becomes one safe path part, no two the same."""
    return quote(seller_id, safe="").replace(".", "%2E")


def entry_key(seller_id: str, sequence: int) -> str:
    return f"ledger/{folder(seller_id)}/{sequence:08d}.json"


def mark_key(seller_id: str, sequence: int) -> str:
    """Says that the entry was written, outside `ledger/`: an entry lost from there is missed."""
    return f"ledger_marks/{folder(seller_id)}/{sequence:08d}.json"


def plain(value: Any) -> Any:
    """A value as JSON holds it: decimals as text without needless zeros, dates in ISO form."""
    if isinstance(value, Decimal):
        text = f"{value:f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if text in ("", "-0") else text
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def canonical(document: Any) -> bytes:
    """The one spelling of a document."""
    return (json.dumps(plain(document), sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode()


def hash_of(document: Any) -> str:
    return hashlib.sha256(canonical(document)).hexdigest()


def sealed(document: Json) -> Json:
    """The document with its seal; the former one, if any, does not count."""
    unsealed = {key: value for key, value in plain(document).items() if key != "seal"}
    return unsealed | {"seal": hash_of(unsealed)}


def numbered(prefix: str, year: int, number: int) -> str:
    """Invoice number: the counter runs on over the years, so that a gap shows whatever the year."""
    return f"{prefix}-{year}-{number:06d}"


def counter_of(invoice_number: str) -> int:
    return int(invoice_number.rpartition("-")[2])


def chained(contents: Sequence[Json], previous_hash: str) -> list[Json]:
    """Invoices with their hashes, each naming the one before it."""
    invoices = []
    for content in contents:
        linked = plain(content) | {"previous_hash": previous_hash}
        previous_hash = hash_of(linked)
        invoices.append({"content": linked, "content_hash": previous_hash})
    return invoices


def _negated(text: str | None) -> str | None:
    return None if text is None else plain(-Decimal(text))


def taken_back(content: Json, invoice_period: str, invoice_number: str) -> Json:
    """The content of the document that takes a whole invoice back: the same lines and taxes with the other sign.

    Each line refers to the line it takes back. What is still rated is billed again by the next draft.
    """
    number = content["invoice_number"]
    lines = [
        line
        | {name: _negated(line[name]) for name in ("quantity", "exact_amount", "amount")}
        | {"charge_class": "Correction", "corrects_line_id": f"{number}/{line['line_number']}"}
        for line in content["lines"]
    ]
    taxes = [tax | {name: _negated(tax[name]) for name in ("net_amount", "tax_amount")} for tax in content["taxes"]]
    amounts = {name: _negated(content[name]) for name in ("net_amount", "tax_amount", "total_amount")}
    is_negative = Decimal(amounts["total_amount"] or "0") <= 0  # of an invoice over nothing too a credit note is made
    return (
        {key: value for key, value in content.items() if key != "previous_hash"}
        | amounts
        | {
            "invoice_number": invoice_number,
            "invoice_period": invoice_period,
            "document_type": "credit_note" if is_negative else "invoice",
            "refers_to": number,
            "lines": lines,
            "taxes": taxes,
        }
    )
