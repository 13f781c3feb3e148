"""What a billing system gets: an issued document of the ledger as rows that add up to it. Drafts are never sent.

A row for each line and one for each tax category and rate, because a system that multiplied a rate itself would round
differently. Nothing is computed here but the sums that prove it (invariant: lines = invoice = ledger = what is sent).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from invoicing.entries import Entry, Json, folder, plain
from invoicing.ledger import Ledger


class Unbalanced(Exception):
    """A document whose rows do not add up to its totals: nothing of it may be sent."""


@dataclass(frozen=True, slots=True)
class Row:
    """One amount of a document; `key` names it within the document for ever."""

    key: str
    description: str
    amount: Decimal
    service_period: str  # YYYY-MM; the invoice's own for taxes
    tax_category: str


@dataclass(frozen=True, slots=True)
class Document:
    """An invoice or credit note as it was issued; amounts in whole units of its currency."""

    number: str
    seller_id: str
    buyer_id: str
    document_type: str
    invoice_period: str
    issued_at: datetime
    payment_terms_days: int | None
    currency: str
    total: Decimal
    rows: tuple[Row, ...]
    content_hash: str
    takes_back: str = ""  # number of the document that this one voids

    @property
    def key(self) -> str:
        """The same for ever, in every system: numbers are given once per seller."""
        return f"{folder(self.seller_id)}/{folder(self.number)}"


def documents(ledger: Ledger, seller_id: str, period: str) -> list[Document]:
    """The seller's documents of the month in the order of their numbers; raises Damaged and Unbalanced."""
    ledger.head(seller_id)  # walks the chain: nothing leaves a ledger that was changed
    return [
        document_of(entry, invoice)
        for entry in ledger.of(seller_id)
        for invoice in entry.invoices
        if invoice["content"]["invoice_period"] == period
    ]


def document_of(entry: Entry, invoice: Json) -> Document:
    content = invoice["content"]
    document = Document(
        number=content["invoice_number"],
        seller_id=content["seller_id"],
        buyer_id=content["buyer_id"],
        document_type=content["document_type"],
        invoice_period=content["invoice_period"],
        issued_at=datetime.fromisoformat(entry.document["issued_at"]),
        payment_terms_days=content.get("payment_terms_days"),
        currency=content["currency"],
        total=Decimal(content["total_amount"]),
        rows=(*_lines(content), *_taxes(content)),
        content_hash=invoice["content_hash"],
        takes_back="" if entry.closes else content["refers_to"],
    )
    _balanced(document, content)
    return document


def _lines(content: Json) -> list[Row]:
    return [
        Row(
            key=str(line["line_number"]),
            description=line["description"] or line["charge_key"],
            amount=Decimal(line["amount"]),
            service_period=line["service_period"],
            tax_category=line["tax_category"] or "",
        )
        for line in content["lines"]
    ]


def _taxes(content: Json) -> list[Row]:
    return [
        Row(
            key=f"tax {tax['tax_category']} {tax['kind']} {tax['rate']}",
            description=f"Tax {tax['tax_category']} {plain(Decimal(tax['rate']) * 100)} % on {tax['net_amount']}",
            amount=Decimal(tax["tax_amount"]),
            service_period=content["invoice_period"],
            tax_category=tax["tax_category"] or "",
        )
        for tax in content["taxes"]
        if Decimal(tax["tax_amount"])
    ]


def _balanced(document: Document, content: Json) -> None:
    lines, taxes = sum(map(_amount, _lines(content))), sum(map(_amount, _taxes(content)))
    net, tax = Decimal(content["net_amount"]), Decimal(content["tax_amount"])
    if (lines, taxes, lines + taxes) != (net, tax, document.total):
        raise Unbalanced(
            f"{document.number}: lines add up to {plain(lines)} of {plain(net)} net, taxes to {plain(taxes)} of "
            f"{plain(tax)}, both to {plain(lines + taxes)} of {plain(document.total)}: it is not sent"
        )


def _amount(row: Row) -> Decimal:
    return row.amount


def summed(document: Document, most: int) -> tuple[Row, ...]:
    """The document's rows, at most so many: where it has more, one per service period and tax category, taxes apart."""
    if len(document.rows) <= most:
        return document.rows
    groups: dict[tuple[str, str], list[Row]] = {}
    taxes = [row for row in document.rows if row.key.startswith("tax ")]
    for row in document.rows:
        if not row.key.startswith("tax "):
            groups.setdefault((row.service_period, row.tax_category), []).append(row)
    sums = [
        Row(
            key=f"sum {period} {category}",
            description=f"{period}: {len(rows)} lines of {document.number}"
            + f", tax category {category}" * bool(category),
            amount=sum((row.amount for row in rows), Decimal()),
            service_period=period,
            tax_category=category,
        )
        for (period, category), rows in sorted(groups.items())
    ]
    return (*sums, *taxes)


def in_units(amount: Decimal, digits: int) -> int | None:
    """The amount in units of 10^-digits, exactly; None where it has a part smaller than one."""
    units = amount.scaleb(digits)
    return int(units) if units == units.to_integral_value() else None
