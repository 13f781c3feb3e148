"""A Stripe for the tests: localstripe on 127.0.0.1, with the gaps closed that an export of invoices falls into.

`python stripe_server.py DESCRIPTOR` serves a bound socket until it is ended; nothing of the house is imported. What is
closed here, each because Stripe itself does it: invoices without a subscription, with a number that is unique, a
currency and terms; lines added to a draft all at once, and only to a draft; finalising; negative totals, which become
the customer's credit; credit notes, first against what is open. Every parameter has to be one that Stripe's own library
knows (generated from Stripe's OpenAPI), and totals of three-decimal currencies end in 0. Idempotency keys are ignored,
as if 24 hours had passed. State stays in memory.
"""

from __future__ import annotations

import re
import socket
import sys
import typing

import stripe.params
from aiohttp import web
from localstripe import resources, server
from localstripe.errors import UserError
from localstripe.resources import Customer, Invoice, InvoiceItem, InvoiceLineItem, List, StripeObject, store

THREE_DECIMALS = ("bhd", "jod", "kwd", "omr", "tnd")
KNOWN = [
    (r"POST /v1/customers$", stripe.params.CustomerCreateParams),
    (r"GET /v1/customers$", stripe.params.CustomerListParams),
    (r"POST /v1/invoices$", stripe.params.InvoiceCreateParams),
    (r"GET /v1/invoices$", stripe.params.InvoiceListParams),
    (r"GET /v1/invoices/\w+/lines$", stripe.params.InvoiceListLinesParams),
    (r"POST /v1/invoices/\w+/add_lines$", stripe.params.InvoiceAddLinesParams),
    (r"POST /v1/invoices/\w+/finalize$", stripe.params.InvoiceFinalizeInvoiceParams),
    (r"POST /v1/credit_notes$", stripe.params.CreditNoteCreateParams),
    (r"GET /v1/credit_notes$", stripe.params.CreditNoteListParams),
]


@web.middleware
async def known_parameters(request: web.Request, handler: typing.Any) -> web.StreamResponse:
    """Refuses what Stripe would refuse: a parameter it does not know, a path that is not served here."""
    asked = f"{request.method} {request.path}"
    if not request.path.startswith("/v1/") or re.match(r"(POST|GET) /v1/invoices/\w+(/pay)?$", asked):
        return await handler(request)
    known = next((params for pattern, params in KNOWN if re.match(pattern, asked)), None)
    if known is None:
        raise UserError(404, f"Unrecognized request URL ({asked})")
    data = await server.get_post_data(request) if request.method == "POST" else server.unflatten_data(request.query)
    names = [(known, set(data or {}))]
    if known is stripe.params.InvoiceAddLinesParams:
        names += [(stripe.params.InvoiceAddLinesParamsLine, set(line)) for line in data["lines"]]
    for params, given in names:
        if unknown := given - set(params.__annotations__):
            raise UserError(400, f"Received unknown parameter: {', '.join(sorted(unknown))}")
    return await handler(request)


def _integer(value: object, name: str) -> int:
    if not re.fullmatch(r"-?\d+", str(value)):
        raise UserError(400, f"Invalid integer: {name}={value}")
    return int(str(value))


def _credited(customer: Customer, amount: int) -> None:
    """More credit for the customer's next invoices; less where the amount is negative."""
    customer.account_balance += amount


_with_subscription = Invoice._api_create


@classmethod
def _create(
    cls: type[Invoice], customer: str | None = None, subscription: str | None = None, **data: typing.Any
) -> Invoice:
    if subscription is not None:
        return _with_subscription(customer=customer, subscription=subscription, **data)
    if data.get("collection_method") == "send_invoice" and not {"days_until_due", "due_date"} & set(data):
        raise UserError(400, "send_invoice needs days_until_due or due_date")
    number = data.get("number")
    if number and any(getattr(each, "number", None) == number for each in store.values()):
        raise UserError(400, f"The invoice number {number} is taken")
    made = cls(customer=customer, description=data.get("description"), metadata=data.get("metadata"))
    made.currency = data["currency"]
    for name in ("number", "collection_method", "auto_advance", "days_until_due", "effective_at"):
        setattr(made, name, data.get(name))
    return made


def _draft(id: str) -> Invoice:
    invoice = Invoice._api_retrieve(id)
    if not invoice._draft:
        raise UserError(400, f"Invoice {id} is no longer a draft")
    return invoice


def _add_lines(id: str, lines: list[dict[str, typing.Any]], **_: object) -> Invoice:
    invoice = _draft(id)
    amounts = [_integer(line["amount"], "amount") for line in lines]
    if len(invoice.lines._list) + len(lines) > 250:
        raise UserError(400, "An invoice can have up to 250 lines")
    for line, amount in zip(lines, amounts, strict=True):
        if line["period"]["start"] > line["period"]["end"]:
            raise UserError(400, "The period ends before it starts")
        item = InvoiceItem(
            invoice=id,
            amount=amount,
            currency=invoice.currency,
            customer=invoice.customer,
            description=line["description"],
            metadata=line["metadata"],
            period_start=line["period"]["start"],
            period_end=line["period"]["end"],
        )
        invoice.lines._list.append(InvoiceLineItem(item))
    return invoice


def _finalize(id: str, **_: object) -> Invoice:
    invoice = _draft(id)
    if invoice.currency in THREE_DECIMALS and invoice.total % 10:
        raise UserError(400, f"Invalid amount {invoice.total}: the last digit of {invoice.currency} must be 0")
    invoice._finalize()
    customer = Customer._api_retrieve(invoice.customer)
    used = min(customer.account_balance, max(invoice.total, 0))
    _credited(customer, -min(invoice.total, used))
    invoice._due = max(invoice.total - used, 0)
    invoice._remaining = invoice._due
    return invoice


class CreditNote(StripeObject):
    object = "credit_note"
    _id_prefix = "cn_"

    def __init__(
        self, invoice: str, amount: str, credit_amount: str = "0", metadata: object = None, **more: typing.Any
    ) -> None:
        original, total = Invoice._api_retrieve(invoice), _integer(amount, "amount")
        credit = _integer(credit_amount, "credit_amount")
        if original._draft:
            raise UserError(400, "A credit note needs a finalized invoice")
        given = sum(note.total for note in store.values() if isinstance(note, CreditNote) and note.invoice == invoice)
        if total <= 0 or given + total > original.total:
            raise UserError(400, "Credit notes may not exceed the invoice")
        before = min(total, original._remaining)
        if credit != total - before:
            raise UserError(400, f"credit_amount must be {total - before}, what is not open on the invoice any more")
        super().__init__()
        original._remaining -= before
        _credited(Customer._api_retrieve(original.customer), credit)
        self.invoice, self.customer, self.currency = invoice, original.customer, original.currency
        self.total = self.amount = total
        self.pre_payment_amount, self.post_payment_amount = before, credit
        self.metadata, self.memo, self.effective_at = metadata or {}, more.get("memo"), more.get("effective_at")

    @classmethod
    def _api_list_all(
        cls, url: str, invoice: str | None = None, limit: str | None = None, starting_after: str | None = None
    ) -> List:
        listed = super()._api_list_all(url, limit=limit, starting_after=starting_after)
        listed._list = [note for note in listed._list if invoice in (None, note.invoice)]
        return listed


def _lines(id: str, limit: str | None = None, starting_after: str | None = None, **_: object) -> List:
    listed = List(f"/v1/invoices/{id}/lines", limit=limit, starting_after=starting_after)
    listed._list = Invoice._api_retrieve(id).lines._list
    return listed


def _pay(id: str, **_: object) -> Invoice:
    """Paid outside Stripe, which is all that a test can do."""
    invoice = Invoice._api_retrieve(id)
    invoice._remaining = 0
    return invoice


def application() -> web.Application:
    resources.Store.dump_to_disk = lambda self: None  # one file for all servers of the machine, written at each request
    Invoice._api_create = _create
    Invoice._due = Invoice._remaining = None  # until it is finalised
    Invoice.total = property(lambda self: self.subtotal + self.tax)
    Invoice.amount_due = property(lambda self: self.total if self._due is None else self._due)
    Invoice.amount_remaining = property(lambda self: self.amount_due if self._remaining is None else self._remaining)
    Invoice.status = property(
        lambda self: "draft" if self._draft else "void" if self._voided else "open" if self.amount_remaining else "paid"
    )
    app = web.Application(middlewares=[server.error_middleware, server.auth_middleware, known_parameters])
    posts = [("add_lines", _add_lines), ("finalize", _finalize), ("pay", _pay)]
    for name, function in posts:
        app.router.add_post(f"/v1/invoices/{{id}}/{name}", server.api_extra(function, name))
    app.router.add_get("/v1/invoices/{id}/lines", server.api_extra(_lines, "lines"))
    for kind in (Customer, Invoice, CreditNote):
        url = f"/v1/{kind.object}s"
        app.router.add_post(url, server.api_create(kind, url))
        app.router.add_get(url, server.api_list_all(kind, url))
        app.router.add_get(f"{url}/{{id}}", server.api_retrieve(kind, url))
    return app


if __name__ == "__main__":
    web.run_app(application(), sock=socket.socket(fileno=int(sys.argv[1])), print=None)
