"""Issued invoices for Zuora, as files: each is the body of its "Create a standalone invoice" (POST /v1/invoices).

    <seller>/<number>.json      in a folder or bucket, written whole, once, never changed

Zuora calls that importing external invoices: it keeps our number and computes no tax. Who posts the files, and when, is
the reader's business; posting one twice is refused there, because a number is unique. The account is the buyer's
party_id. A credit is left out: Zuora takes it only as a credit memo against items that have an id of Zuora's own.
"""

from __future__ import annotations

import calendar
import json
import re
from datetime import timedelta
from decimal import Decimal

from ingestion.storage import Storage
from invoicing.delivery import Unsendable
from invoicing.entries import Json, folder, plain
from invoicing.exports.documents import Document, Row, summed

MOST_ITEMS = 1000
_NUMBER = re.compile(r"[A-Za-z0-9_-]{1,32}")


class Zuora:
    """Carries documents into a folder or bucket; see `invoicing.delivery.Carrier`."""

    destination = "zuora"

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    def refusal(self, document: Document) -> str:
        if document.total < 0:
            return (
                f"{document.number}: Zuora takes a credit only against its own items: enter it there as a credit memo"
            )
        if not _NUMBER.fullmatch(document.number):
            return f"{document.number}: Zuora takes up to 32 of A-Z, a-z, 0-9, - and _ as an invoice number"
        if len(summed(document, MOST_ITEMS)) > MOST_ITEMS:
            return f"{document.number}: more than {MOST_ITEMS} service periods, tax categories and rates"
        if inexact := [plain(row.amount) for row in document.rows if Decimal(repr(float(row.amount))) != row.amount]:
            return f"{document.number}: {inexact[0]} has more digits than a number in JSON holds"
        return ""

    def carry(self, document: Document) -> Json:
        key = f"{folder(document.seller_id)}/{folder(document.number)}.json"
        data = (json.dumps(body(document), indent=1, ensure_ascii=False) + "\n").encode()
        if not self.storage.write(key, data, if_absent=True) and self.storage.read_bytes(key) != data:
            raise Unsendable(f"{document.number}: {key} in {self.storage.uri} has another content")
        return {"file": key}


def body(document: Document) -> Json:
    issued_on = document.issued_at.date()
    due = (
        {}
        if document.payment_terms_days is None
        else {"dueDate": (issued_on + timedelta(days=document.payment_terms_days)).isoformat()}
    )
    return {
        "accountNumber": document.buyer_id,
        "invoiceNumber": document.number,
        "invoiceDate": issued_on.isoformat(),
        **due,
        "currency": document.currency,
        "status": "Draft",
        "autoPay": False,
        "comments": f"{document.seller_id}, {document.invoice_period}, content {document.content_hash}",
        "invoiceItems": [_item(row) for row in summed(document, MOST_ITEMS)],
    }


def _item(row: Row) -> Json:
    year, month = map(int, row.service_period.split("-"))
    return {
        "amount": float(row.amount),  # how JSON spells it; `refusal` has seen that it is the same number
        "chargeName": row.description[:255],
        "quantity": 1,
        "serviceStartDate": f"{row.service_period}-01",
        "serviceEndDate": f"{row.service_period}-{calendar.monthrange(year, month)[1]:02d}",
    }
