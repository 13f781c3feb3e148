"""What all commands print with and are asked with: consoles, tables, progress, common options. Knows no command."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestration.periods import BadSetting
from orchestration.settings import Settings

CODES = "Exit codes: 0 ok, 1 the answer is no, 2 bad input, 3 failed."
# Where no terminal says how wide it is (a file, a pipe), tables get room instead of folded cells.
output, notes = Console(width=None if sys.stdout.isatty() else 160), Console(stderr=True)

Home = Annotated[str | None, typer.Option(help="Home folder (METERHOUSE_HOME, default ./.meterhouse).")]
Inbox = Annotated[str | None, typer.Option(help="Inbox, a folder or s3:// (METERHOUSE_INBOX, default <home>/inbox).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Periods = Annotated[list[str] | None, typer.Option("--period", help="Billing period YYYY-MM; may be repeated.")]


def print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, default=str, indent=2) + "\n")


def text_of(value: Any) -> str:
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
        table.add_row(*(text_of(row.get(column)) for column in columns))
    output.print(table)


@contextmanager
def progress() -> Iterator[Any]:
    """A spinner with the step and the time where a terminal is there, one line a step elsewhere."""
    if notes.is_terminal:
        with notes.status("starting") as status:
            yield lambda text: (notes.print(f"  {escape(text)}"), status.update(escape(text)))
    else:
        yield lambda text: notes.print(f"  {escape(text)}")


@contextmanager
def reading(settings: Settings) -> Iterator[Any]:
    """The warehouse, for reading; raises BadSetting where there is none."""
    from orchestration import warehouse

    if not warehouse.exists(settings):
        raise BadSetting(f"no warehouse at {settings.warehouse_path}: `meterhouse run --period YYYY-MM` makes one")
    with warehouse.opened(settings) as connection:
        yield connection
