"""Issued documents into Stripe, over its HTTP API, for Stripe to collect. The ledger's document stays the invoice.

    invoice, or credit note of a negative total   one Stripe invoice with our number and our rows, finalised; what is
                                                  negative in total becomes the customer's credit balance in Stripe
    credit note that takes an invoice back        a Stripe credit note on that invoice, so that nobody collects it

Each object carries our key in its metadata and is looked for by it before it is made, in lists and not in Stripe's
search, which lags by a minute. Stripe forgets an Idempotency-Key after 24 hours; here it only covers an answer lost on
its way. Amounts are integers of Stripe's own minor units, exact or refused: docs.stripe.com/currencies.
"""

from __future__ import annotations

import calendar
import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import requests
from iso4217 import Currency
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from ingestion.faultpoints import reached
from invoicing.delivery import Unsendable
from invoicing.entries import Json, folder, plain
from invoicing.exports.documents import Document, Row, in_units, summed

API_VERSION = "2026-10-28.endive"
MOST_ROWS = 250  # an invoice of Stripe has no more; a larger document is summed by service period and tax category
ROWS_AT_ONCE = 50
DEFAULT_TERMS = 30  # days, where the agreement names none: Stripe wants a due date on what it does not charge itself

# Where Stripe counts otherwise than ISO 4217: MGA has no minor unit there, ISK and UGX two, which have to be zero.
_DIGITS = {"MGA": 0, "ISK": 2, "UGX": 2}
_WHOLE_ONLY = {"ISK": 100, "UGX": 100}


class StripeFailed(Exception):
    """Stripe cannot be asked now, or refuses the key: nothing else will be taken either."""


def minor_units(amount: Decimal, currency: str) -> int | None:
    """The amount as Stripe counts it; None where it cannot be said exactly."""
    digits = _DIGITS.get(currency, Currency(currency).exponent or 0)
    return in_units(amount, digits)


class Stripe:
    """Carries documents into the Stripe account of an API key; see `invoicing.delivery.Carrier`.

    base      https://api.stripe.com, or where a test serves the same API
    parties   party_id -> name and email, for customers that are made new
    """

    def __init__(self, api_key: str, base: str, parties: Mapping[str, Mapping[str, str | None]]) -> None:
        self.destination = f"stripe-{'live' if '_live_' in api_key else 'test'}"
        self._base = base.rstrip("/")
        self._parties = parties
        self._customers: dict[str, str] | None = None
        self._session = requests.Session()
        self._session.headers.update({"Authorization": f"Bearer {api_key}", "Stripe-Version": API_VERSION})
        # Each POST names itself by its Idempotency-Key, so trying it again makes nothing twice.
        patience = Retry(
            5,
            backoff_factor=0.5,
            status_forcelist=(429, 500, 502, 503, 504),
            allowed_methods=None,
            raise_on_status=False,
        )
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=patience))

    def refusal(self, document: Document) -> str:
        """Amounts that Stripe cannot hold exactly; rounding them would leave the ledger."""
        currency, total = document.currency, minor_units(document.total, document.currency)
        if total is None or any(minor_units(row.amount, currency) is None for row in document.rows):
            return f"{document.number}: an amount in {currency} has more digits than Stripe counts"
        if (Currency(currency).exponent or 0) > 2 and total % 10:
            return (
                f"{document.number}: Stripe takes {currency} in steps of 10 minor units and the total is "
                f"{plain(document.total)}: collect it elsewhere"
            )
        if total % _WHOLE_ONLY.get(currency, 1):
            return f"{document.number}: Stripe takes whole {currency} and the total is {plain(document.total)}"
        if len(summed(document, MOST_ROWS)) > MOST_ROWS:
            return f"{document.number}: more than {MOST_ROWS} service periods, tax categories and rates"
        return ""

    def carry(self, document: Document) -> Json:
        customer = self._customer(document)
        if document.takes_back and document.total < 0:
            return {"customer": customer, **self._taken_back(document, customer)}
        return {"customer": customer, "invoice": self._invoice(document, customer)}

    # One Stripe customer for each seller, buyer and currency: a credit balance has one currency.
    def _customer(self, document: Document) -> str:
        key = "/".join(folder(name) for name in (document.seller_id, document.buyer_id, document.currency))
        if self._customers is None:
            found = self._listed("customers")
            self._customers = {each["metadata"].get("meterhouse_customer"): each["id"] for each in found}
        if key not in self._customers:
            party = self._parties.get(document.buyer_id, {})
            asked: Json = {"name": party.get("name") or document.buyer_id, "metadata": {"meterhouse_customer": key}}
            if party.get("email"):
                asked["email"] = party["email"]
            self._customers[key] = self._post("customers", asked, key)["id"]
        return self._customers[key]

    def _invoice(self, document: Document, customer: str) -> str:
        invoice = self._found(document, self._listed("invoices", customer=customer))
        if invoice is None:
            invoice = self._post("invoices", _asked(document, customer), document.key)
        if invoice["status"] == "draft":
            invoice = self._filled(document, invoice)
            invoice = self._post(f"invoices/{invoice['id']}/finalize", {"auto_advance": False}, document.key)
        self._same_total(document, invoice["total"], invoice["id"])
        return invoice["id"]

    def _filled(self, document: Document, invoice: Json) -> Json:
        """The draft with every row of the document; those that a killed run has brought stay."""
        path = f"invoices/{invoice['id']}"
        there = {line["metadata"].get("meterhouse_row") for line in self._listed(f"{path}/lines")}
        lacking = [row for row in summed(document, MOST_ROWS) if row.key[:500] not in there]
        for start in range(0, len(lacking), ROWS_AT_ONCE):
            lines = [_line(row, document.currency) for row in lacking[start : start + ROWS_AT_ONCE]]
            invoice = self._post(f"{path}/add_lines", {"lines": lines}, document.key)
        self._same_total(document, invoice["total"], invoice["id"])
        return invoice

    def _taken_back(self, document: Document, customer: str) -> Json:
        """A credit note over all of the invoice: first what is still open of it, the rest as the customer's credit."""
        original = f"{folder(document.seller_id)}/{folder(document.takes_back)}"
        invoices = self._listed("invoices", customer=customer)
        taken = next((each for each in invoices if each["metadata"].get("meterhouse_document") == original), None)
        if taken is None or taken["status"] == "draft":
            raise Unsendable(
                f"{document.number} takes back {document.takes_back}, which is not in Stripe: export it first"
            )
        note = self._found(document, self._listed("credit_notes", invoice=taken["id"]))
        units = -_units(document.total, document.currency)
        if note is None:
            asked: Json = {
                "invoice": taken["id"],
                "amount": units,
                "effective_at": int(document.issued_at.timestamp()),
                "email_type": "none",
                "memo": f"{document.number} takes back {document.takes_back}",
                "metadata": _metadata(document),
            }
            if paid := units - min(units, taken["amount_remaining"]):
                asked["credit_amount"] = paid
            note = self._post("credit_notes", asked, document.key)
        self._same_total(document, -note["total"], note["id"])
        return {"invoice": taken["id"], "credit_note": note["id"]}

    @staticmethod
    def _found(document: Document, objects: Iterator[Json]) -> Json | None:
        """The one that carries the document's key; raises Unsendable where its content was another."""
        for each in objects:
            if each["metadata"].get("meterhouse_document") == document.key:
                if each["metadata"].get("meterhouse_hash") != document.content_hash:
                    raise Unsendable(f"{document.number}: {each['id']} in Stripe has this number and another content")
                return each
        return None

    @staticmethod
    def _same_total(document: Document, units: int, where: str) -> None:
        wanted = _units(document.total, document.currency)
        if units != wanted:
            raise Unsendable(
                f"{document.number}: {where} in Stripe adds up to {units} and the ledger to {wanted} minor units of "
                f"{document.currency}: somebody changed it there; delete the draft, or void it, and export again"
            )

    def _listed(self, path: str, **query: str) -> Iterator[Json]:
        """Every object of a list, page by page."""
        asked: dict[str, str | int] = {**query, "limit": 100}
        while True:
            page = self._answer("GET", path, params=asked)
            yield from page["data"]
            if not page["has_more"]:
                return
            asked["starting_after"] = page["data"][-1]["id"]

    def _post(self, path: str, asked: Json, key: str) -> Json:
        spoken = hashlib.sha256(json.dumps([path, key, asked], sort_keys=True).encode()).hexdigest()
        answer = self._answer("POST", path, data=dict(_flat(asked)), headers={"Idempotency-Key": spoken})
        reached("export")
        return answer

    def _answer(self, method: str, path: str, **more: Any) -> Json:
        try:
            response = self._session.request(method, f"{self._base}/v1/{path}", timeout=60, **more)
        except requests.RequestException as error:
            raise StripeFailed(
                f"{self._base} does not answer ({type(error).__name__}): export again, nothing is sent twice"
            ) from error
        if response.ok:
            return response.json()
        said = f"{method} {path}: {response.status_code} {_message(response)}"
        if response.status_code in (401, 403, 429) or response.status_code >= 500:
            raise StripeFailed(f"Stripe says {said}")
        raise Unsendable(f"Stripe says {said}")


def _units(amount: Decimal, currency: str) -> int:
    units = minor_units(amount, currency)
    if units is None:
        raise Unsendable(f"{plain(amount)} {currency} has more digits than Stripe counts")
    return units


def _metadata(document: Document) -> Json:
    return {"meterhouse_document": document.key, "meterhouse_hash": document.content_hash}


def _asked(document: Document, customer: str) -> Json:
    terms = document.payment_terms_days
    return {
        "customer": customer,
        "currency": document.currency.lower(),
        "number": document.number,
        "auto_advance": False,  # Stripe sends and charges nothing by itself
        "collection_method": "send_invoice",
        "days_until_due": DEFAULT_TERMS if terms is None else terms,
        "effective_at": int(document.issued_at.timestamp()),
        "pending_invoice_items_behavior": "exclude",
        "description": f"{document.document_type} {document.number}, {document.invoice_period}".replace("_", " "),
        "metadata": _metadata(document),
    }


def _line(row: Row, currency: str) -> Json:
    year, month = map(int, row.service_period.split("-"))
    last = datetime(year, month, calendar.monthrange(year, month)[1], 23, 59, 59, tzinfo=UTC)
    return {
        "amount": _units(row.amount, currency),
        "description": row.description[:500],
        "metadata": {"meterhouse_row": row.key[:500]},
        "period": {
            "start": int(last.replace(day=1, hour=0, minute=0, second=0).timestamp()),
            "end": int(last.timestamp()),
        },
    }


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """A form as Stripe reads it: lines[0][amount]=1."""
    if isinstance(value, Mapping | list):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, item in items:
            yield from _flat(item, f"{name}[{key}]" if name else str(key))
    else:
        yield name, str(value).lower() if isinstance(value, bool) else str(value)


def _message(response: requests.Response) -> str:
    try:
        return response.json()["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return response.text[:200]
