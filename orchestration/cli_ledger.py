"""The commands that write the ledger or send what is in it: issue, void, export. Parses and prints; the work is in
`issuing.py` and `exporting.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Annotated, Any, NoReturn

import typer
from rich.markup import escape

from orchestration.console import CODES, AsJson, Home, Inbox, output, print_json, print_table, progress
from orchestration.periods import BadSetting
from orchestration.settings import override

application = typer.Typer()

Sellers = Annotated[list[str], typer.Option("--seller", help="Seller (party_id) whose month it is; may be repeated.")]
Period = Annotated[str, typer.Option(help="Billing period YYYY-MM.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Ask the gate and show the documents; write nothing.")]
Waive = Annotated[list[str] | None, typer.Option(help="Gate to pass by although it says no; may be repeated.")]
Why = Annotated[list[str] | None, typer.Option(help="Why, one for each --waive or one for all; the ledger keeps it.")]


def _waivers(gates: list[str], reasons: list[str]) -> dict[str, str]:
    if len(reasons) not in (1, len(gates)) and gates:
        raise BadSetting(f"{len(gates)} --waive and {len(reasons)} --why: give one reason for each, or one for all")
    if reasons and not gates:
        raise BadSetting("--why without --waive: name the gate")
    return dict(zip(gates, reasons * len(gates) if len(reasons) == 1 else reasons, strict=True))


@application.command(
    short_help="Ask the close gate, then issue a seller's month.",
    help=f"Ask the close gate, then issue a seller's month. 1: a gate says no, or it was issued before. {CODES}",
)
def issue(
    seller: Sellers,
    period: Period,
    dry_run: DryRun = False,
    waive: Waive = None,
    why: Why = None,
    inbox: Inbox = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    settings = override(home, inbox)
    from orchestration import issuing

    with progress() as tell:
        closings = issuing.close_months(settings, seller, period, _waivers(waive or [], why or []), dry_run, tell)
    _show(closings, as_json)


@application.command(
    short_help="Take an issued invoice back by a credit note.",
    help=f"Take an issued invoice back by a credit note. 1: it was taken back before. {CODES}",
)
def void(
    invoice: Annotated[str, typer.Argument(help="Number of the invoice.")],
    why: Annotated[str, typer.Option(help="Why; the ledger keeps it.")],
    inbox: Inbox = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    settings = override(home, inbox)
    from orchestration import issuing

    with progress() as tell:
        closing = issuing.void(settings, invoice, why, tell)
    _show([closing], as_json)


@application.command(
    short_help="Send a seller's issued month to a billing system.",
    help="Send a seller's issued month to Stripe, or write it as files for Zuora; what was sent before is left alone. "
    f"1: nothing was issued for the month, or a document is refused. {CODES}",
)
def export(
    period: Annotated[str, typer.Argument(help="Billing period YYYY-MM.")],
    seller: Annotated[str, typer.Option(help="Seller (party_id) whose documents they are.")],
    to: Annotated[str, typer.Option(help="stripe (STRIPE_API_KEY) or zuora (files in METERHOUSE_ZUORA).")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent; ask and write nothing.")] = False,
    inbox: Inbox = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    settings = override(home, inbox)
    from orchestration.exporting import exported

    with progress() as tell:
        export = exported(settings, seller, period, to, dry_run, tell)
    rows = [
        {
            "invoice_number": sending.document.number,
            "buyer_id": sending.document.buyer_id,
            "document_type": sending.document.document_type,
            "total_amount": sending.document.total,
            "currency": sending.document.currency,
            "status": sending.status,
            "detail": sending.detail,
        }
        for sending in export.sendings
    ]
    if as_json:
        print_json({"destination": export.destination, "documents": rows})
    elif rows:
        print_table(f"{seller} {period} to {export.destination}", rows, list(rows[0]))
    else:
        output.print(escape(f"{seller} has issued nothing for {period}"))
    raise typer.Exit(export.exit_code)


def _show(closings: Sequence[Any], as_json: bool) -> NoReturn:
    """Prints what became of each; the exit code is the worst one. As JSON one is an object and several are a list."""
    if as_json:
        said = [_as_json(closing) for closing in closings]
        print_json(said if len(said) > 1 else said[0])
    else:
        for closing in closings:
            _print(closing)
    raise typer.Exit(max(closing.exit_code for closing in closings))


def _documents(closing: Any) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in invoice.items() if key not in ("lines", "taxes", "tax_rates")}
        | {"lines": len(invoice["lines"])}
        for invoice in closing.invoices
    ]


def _as_json(closing: Any) -> dict[str, Any]:
    return {
        "status": closing.status,
        "seller_id": closing.seller_id,
        "period": closing.period,
        "detail": closing.detail,
        "gates": [asdict(gate) | {"waived": gate.name in closing.waived} for gate in closing.gates],
        "invoices": _documents(closing),
    }


def _print(closing: Any) -> None:
    for gate in closing.gates:
        word = "[green]yes[/green]" if gate.passed else "[red]no [/red]"
        waived = " (waived)" if not gate.passed and gate.name in closing.waived else ""
        output.print(f"{word} {gate.name}{waived}: {escape(gate.detail)}")
    if documents := _documents(closing):
        amounts = ("net_amount", "tax_amount", "total_amount")
        rows = [row | {name: Decimal(row[name]) for name in amounts} for row in documents]
        columns = ["invoice_number", "buyer_id", "document_type", "refers_to", "lines", *amounts, "currency"]
        print_table(f"{closing.seller_id} {closing.period}", rows, columns)
    said = {
        "issued": "issued",
        "completed": "was issued before; what an interrupted run left undone is done now",
        "dry_run": "dry run: would be held" if closing.holding else "dry run: would be issued",
        "held": f"held by {', '.join(gate.name for gate in closing.holding)}: nothing was issued",
        "already_issued": "nothing was issued",
        "voided": "voided",
        "lost": "nothing was issued",
    }[closing.status]
    output.print(escape(f"{closing.seller_id} {closing.period}: {said}" + f". {closing.detail}" * bool(closing.detail)))
