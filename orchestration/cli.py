"""The command `meterhouse`. Parses and prints; the work is in `run.py`, `tables.py` and `doctor.py`.

Exit codes, of every command: 0 ok, 1 the answer is "no", 2 bad input, 3 failed.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestration.locks import Busy
from orchestration.periods import BadSetting, month_of
from orchestration.settings import PROJECT_ROOT, Settings, override, wants_traceback

CODES = "Exit codes: 0 ok, 1 the answer is no, 2 bad input, 3 failed."
application = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=f"From cloud bills and edge metrics to invoices that reconcile to the cent. {CODES}",
)
# Where no terminal says how wide it is (a file, a pipe), tables get room instead of folded cells.
output, notes = Console(width=None if sys.stdout.isatty() else 160), Console(stderr=True)

Home = Annotated[str | None, typer.Option(help="Home folder (METERHOUSE_HOME, default ./.meterhouse).")]
Inbox = Annotated[str | None, typer.Option(help="Inbox, a folder or s3:// (METERHOUSE_INBOX, default <home>/inbox).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Periods = Annotated[list[str] | None, typer.Option("--period", help="Billing period YYYY-MM; may be repeated.")]


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, default=str, indent=2) + "\n")


def _text(value: Any) -> str:
    """A cell: months as YYYY-MM, decimals without needless zeros, two at least; names never as markup."""
    if isinstance(value, date) and value.day == 1:
        return f"{value:%Y-%m}"
    if isinstance(value, Decimal):
        whole, point, fraction = f"{value:f}".partition(".")
        return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}" if point else whole
    return escape("" if value is None else str(value))


def print_table(title: str, rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    """Prints the columns of rows; amounts as the currency of their row has them."""
    from orchestration import tables

    table = Table(title=title, title_justify="left")
    numbers = {name for row in rows for name, value in row.items() if isinstance(value, Decimal | int)}
    rows = tables.with_digits(rows)
    for column in columns:
        numeric = column in numbers
        heading = re.sub("^(invoice|billing)_period$", "period", column).replace("document_", "").removesuffix("_id")
        table.add_column(
            heading.removesuffix("_amount").replace("_", " "), justify="right" if numeric else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*(_text(row.get(column)) for column in columns))
    output.print(table)


@contextmanager
def progress() -> Iterator[Any]:
    """A spinner with the step and the time where a terminal is there, one line a step elsewhere."""
    if notes.is_terminal:
        with notes.status("starting") as status:
            yield lambda text: (notes.print(f"  {escape(text)}"), status.update(escape(text)))
    else:
        yield lambda text: notes.print(f"  {escape(text)}")


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
        _print_json(
            {
                "landings": {name: asdict(landing) for name, landing in report.landings.items()},
                "outcomes": [asdict(outcome) for outcome in report.outcomes],
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


@contextmanager
def reading(settings: Settings) -> Iterator[Any]:
    """The warehouse, for reading; raises BadSetting where there is none."""
    from orchestration import warehouse

    if not settings.warehouse_path.exists():
        raise BadSetting(f"no warehouse at {settings.warehouse_path}: `meterhouse run --period YYYY-MM` makes one")
    with warehouse.opened(settings) as connection:
        yield connection


def show_invoices(found: Sequence[dict[str, Any]]) -> None:
    from orchestration import tables

    columns = ["invoice_period", "seller_id", "buyer_id", "document_type", "status", "net_amount", "tax_amount"]
    print_table(f"{len(found)} invoices", found, [*columns, "total_amount", "currency"])
    for currency, amount in tables.net_by_currency(found).items():
        output.print(f"net {currency}: {_text(amount)}")


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
            output.print(f"{where}: {row['hop']} differs by {_text(row['difference'])}: {_text(row['explanation'])}")
    unexplained = tables.unexplained(found)
    output.print(f"{len(unexplained)} differences without an explanation" if unexplained else "every cent is explained")
    return 1 if unexplained else 0


@application.command(short_help="Show invoices.", help=f"Show invoices. 1: there is none. {CODES}")
def invoices(period: Periods = None, inbox: Inbox = None, home: Home = None, as_json: AsJson = False) -> None:
    settings = override(home, inbox)
    from orchestration import tables

    months = [month_of(text) for text in period or []]
    with reading(settings) as connection:
        found = tables.invoices(connection, months) if tables.exists(connection, "fct_invoices") else []
    if as_json:
        _print_json({"invoices": found, "net_by_currency": tables.net_by_currency(found)})
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
        _print_json({"reconciliation": found, "unexplained": unexplained})
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
        _print_json([asdict(finding) for finding in findings])
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
    exit_with(application)


if __name__ == "__main__":
    main()
