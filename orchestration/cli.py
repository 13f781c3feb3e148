"""The command `meterhouse`. Parses and prints; the work is in `run.py`, `tables.py` and `doctor.py`.

Exit codes, of every command: 0 ok, 1 the answer is "no", 2 bad input, 3 failed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from orchestration import cli_budgets, cli_explain, cli_ledger, cli_reports
from orchestration.console import (
    CODES,
    AsJson,
    Home,
    Inbox,
    Periods,
    notes,
    output,
    print_json,
    print_table,
    progress,
    reading,
    text_of,
)
from orchestration.garbage import collect_rarely
from orchestration.locks import Busy
from orchestration.periods import BadSetting, month_of
from orchestration.settings import PROJECT_ROOT, override, wants_traceback

application = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=f"From cloud bills and edge metrics to invoices that reconcile to the cent. {CODES}",
)
application.add_typer(cli_budgets.application)
application.add_typer(cli_ledger.application)
application.add_typer(cli_explain.application)
application.add_typer(cli_reports.application)


@application.command(
    short_help="Materialise periods: deliveries to marts to draft invoices.",
    help=f"Materialise periods: deliveries to marts to draft invoices. {CODES}",
)
def run(period: Periods = None, inbox: Inbox = None, home: Home = None, as_json: AsJson = False) -> None:
    settings = override(home, inbox)
    from orchestration import run as runs

    with progress() as tell:
        report = runs.run(settings, period or [], tell)
    if as_json:
        print_json(
            {
                "landings": {name: asdict(landing) for name, landing in report.landings.items()},
                "outcomes": [asdict(outcome) for outcome in report.outcomes],
                "never_made": report.never_made,
                "exit_code": report.exit_code,
            }
        )
    else:
        say(report)
    raise typer.Exit(report.exit_code)


def say(report: Any) -> None:
    for name, landing in report.landings.items():
        if landing.landed or landing.rejected or landing.incomplete:
            output.print(
                f"{name}: {landing.landed} landed, {landing.rejected} rejected, {landing.incomplete} incomplete; "
                f"{landing.rows_loaded:,} rows loaded, {landing.rows_quarantined:,} quarantined"
            )
        for message in landing.messages:
            output.print(f"  {escape(message)}")
    for outcome in report.outcomes:
        if outcome.status == "unchanged":
            output.print(f"{outcome.name}: nothing changed")
        elif outcome.status == "materialised":
            output.print(
                f"{outcome.name}: [green]materialised[/green] in {outcome.seconds:.0f} s ({escape(outcome.reason)})"
            )
        else:
            output.print(f"{outcome.name}: [red]failed[/red] after {outcome.seconds:.0f} s")
        for check in outcome.warnings:
            output.print(f"  warning: {escape(check)} says no (see it in the UI: make ui)")
        if outcome.status == "failed":
            for check in outcome.failed_checks:
                output.print(f"  check {escape(check)} says no")
            for row in outcome.failing_rows:
                output.print(f"    {escape(row)}")
            if outcome.failed_checks:
                output.print("  See the check in the UI (make ui); repair the input or the catalog, then run again.")
            else:
                output.print(escape(outcome.reason), style="red")
    if report.never_made:
        output.print(
            f"{', '.join(report.never_made)}: deliveries are there, marts were never made. What looks back (amounts of "
            "a quarter or a year, prepaid balances, corrections) takes these months for empty; to make them: "
            f"meterhouse run {' '.join(f'--period {period}' for period in report.never_made)}"
        )


def show_invoices(found: Sequence[dict[str, Any]]) -> None:
    from orchestration import tables

    columns = ["invoice_period", "seller_id", "buyer_id", "invoice_number", "document_type", "status", "net_amount"]
    print_table(f"{len(found)} invoices", found, [*columns, "tax_amount", "total_amount", "currency"])
    sums = [{"currency": currency, "net": net} for currency, net in tables.net_by_currency(found).items()]
    for row in tables.with_digits(sums):
        output.print(f"net {row['currency']}: {row['net']}")


def show_reconciliation(found: Sequence[dict[str, Any]], explained: bool = True) -> int:
    """Prints the hops, why they differ where asked, and the verdict; returns the exit code."""
    from orchestration import tables

    if not found:
        output.print("nothing to reconcile: no period has been run")
        return 1
    pivoted = tables.hops(found)
    if pivoted:
        print_table("Reconciliation", pivoted, list(pivoted[0]))
    for row in found:
        if row["unexplained"] or (explained and row["difference"]):
            where = f"{row['billing_period']:%Y-%m} {row['source']} {row['account']}"
            why = text_of(row["explanation"])
            output.print(f"{where}: {row['hop']} differs by {text_of(row['difference'])}: {why}")
    unexplained = tables.unexplained(found)
    output.print(f"{len(unexplained)} differences without an explanation" if unexplained else "every cent is explained")
    return 1 if unexplained else 0


@application.command(short_help="Show invoices.", help=f"Show invoices. 1: there is none. {CODES}")
def invoices(
    period: Periods = None,
    seller: Annotated[list[str] | None, typer.Option(help="Seller (party_id); may be repeated.")] = None,
    inbox: Inbox = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    settings = override(home, inbox)
    from orchestration import tables

    months = [month_of(text) for text in period or []]
    with reading(settings) as connection:
        found = tables.invoices(connection, months, seller or []) if tables.exists(connection, "fct_invoices") else []
    if as_json:
        print_json({"invoices": found, "net_by_currency": tables.net_by_currency(found)})
    else:
        show_invoices(found)
    raise typer.Exit(0 if found else 1)


@application.command(
    short_help="Every-cent reconciliation, hop by hop.",
    help=f"Every-cent reconciliation, hop by hop. 1: something is unexplained. {CODES}",
)
def reconcile(period: Periods = None, inbox: Inbox = None, home: Home = None, as_json: AsJson = False) -> None:
    settings = override(home, inbox)
    from orchestration import tables

    months = [month_of(text) for text in period or []]
    with reading(settings) as connection:
        found = tables.reconciliation(connection, months) if tables.exists(connection, "fct_reconciliation") else []
    if as_json:
        unexplained = tables.unexplained(found)
        print_json({"reconciliation": found, "unexplained": unexplained})
        raise typer.Exit(0 if found and not unexplained else 1)
    raise typer.Exit(show_reconciliation(found))


@application.command(
    short_help="Check versions, locks, disk, inbox, lake and stuck runs.",
    help=f"Check versions, locks, disk, inbox, lake and stuck runs. 1: something is wrong. {CODES}",
)
def doctor(inbox: Inbox = None, home: Home = None, as_json: AsJson = False) -> None:
    settings = override(home, inbox)
    from orchestration.doctor import examine

    findings = examine(settings)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            output.print(
                f"{'[green]ok  [/green]' if finding.ok else '[red]BAD [/red]'} {finding.name}: {escape(finding.detail)}"
            )
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


@application.command(
    short_help="Serve the Dagster UI and its daemon on 127.0.0.1.",
    help=f"Serve the Dagster UI and its daemon on 127.0.0.1. {CODES}",
)
def ui(port: Annotated[int, typer.Option(help="Port.")] = 3000, inbox: Inbox = None, home: Home = None) -> None:
    settings = override(home, inbox)
    from orchestration.home import prepare_home

    prepare_home(settings)
    dagster = str(Path(sys.executable).with_name("dagster"))
    notes.print(f"Dagster on http://127.0.0.1:{port} (home {escape(str(settings.root))}); end it with Ctrl-C")
    os.chdir(PROJECT_ROOT)
    os.execv(dagster, [dagster, "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)])


def exit_with(command: Callable[[], int | None]) -> None:
    """Ends the process with the command's exit code; what went wrong becomes a message and a code."""
    try:
        sys.exit(command() or 0)
    except BadSetting as error:
        notes.print(f"[red]bad input:[/red] {escape(str(error))}")
        sys.exit(2)
    except Busy as error:
        notes.print(f"[red]busy:[/red] {escape(str(error))}")
        sys.exit(3)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if wants_traceback():
            raise
        notes.print(f"[red]failed:[/red] {escape(f'{type(error).__name__}: {error}')}")
        notes.print("METERHOUSE_TRACEBACK=1 shows where; `meterhouse doctor` looks at the installation")
        sys.exit(3)


def main() -> None:
    """The console script."""
    collect_rarely()
    exit_with(application)


if __name__ == "__main__":
    main()
