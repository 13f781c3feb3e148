"""The commands that look at what was rated: verify, rebuild, diff, simulate, explain, … Parses and prints."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.markup import escape

from orchestration.console import (
    CODES,
    AsJson,
    Home,
    Inbox,
    output,
    print_json,
    print_table,
    progress,
    reading,
    text_of,
)
from orchestration.periods import month_of
from orchestration.settings import override

application = typer.Typer()


@application.command(
    short_help="Check every byte of ledger and lake against its hash.",
    help=f"Check every byte of ledger and lake against its hash. 1: something changed; the files are named. {CODES}",
)
def verify(inbox: Inbox = None, home: Home = None, as_json: AsJson = False) -> None:
    settings = override(home, inbox)
    from orchestration.restoring import changed_files

    with progress() as tell:
        report = changed_files(settings, tell)
    if as_json:
        print_json({"entries": report.entries, "files": report.files, "problems": report.problems})
    else:
        for problem in report.problems:
            output.print(f"[red]changed[/red] {escape(problem)}")
        if not report.problems:
            output.print(f"{report.entries} ledger entries and {report.files} landed files are as they were written")
    raise typer.Exit(1 if report.problems else 0)


@application.command(
    short_help="Make the warehouse anew from lake and ledger.",
    help=f"Make the warehouse anew from lake and ledger: the same rows. 1: a check says no. {CODES}",
)
def rebuild(inbox: Inbox = None, home: Home = None, as_json: AsJson = False) -> None:
    settings = override(home, inbox)
    from orchestration.restoring import rebuilt

    with progress() as tell:
        outcomes = rebuilt(settings, tell)
    if as_json:
        print_json([{"name": each.name, "status": each.status, "reason": each.reason} for each in outcomes])
    else:
        for each in outcomes:
            output.print(escape(f"{each.name}: {each.status}" + f" ({each.reason})" * (each.status == "failed")))
    failed = [each for each in outcomes if each.status == "failed"]
    raise typer.Exit(0 if not failed else 1 if all(each.failed_checks for each in failed) else 3)


@application.command(
    short_help="What a re-rate would change of an issued period.",
    help=f"What is rated now less what was issued, by key of a service period. 1: there are differences. {CODES}",
)
def diff(
    period: Annotated[str, typer.Argument(help="Service period YYYY-MM.")],
    inbox: Inbox = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    month = month_of(period)
    settings = override(home, inbox)
    from orchestration import tables

    with reading(settings) as connection:
        found = tables.differences(connection, month)
    if as_json:
        print_json({"period": period, "differences": found})
    else:
        columns = ["seller_id", "buyer_id", "charge_key", "issued_amount", "rated_amount", "difference", "currency"]
        print_table(f"{len(found)} differences to what was issued for {period}", found, [*columns, "invoice_period"])
    raise typer.Exit(1 if found else 0)


@application.command(
    short_help="What a period would be rated at under another catalog.",
    help="Rate a period under another catalog, or the one known at a time, beside the real one; changes nothing of it. "
    f"{CODES}",
)
def simulate(
    period: Annotated[str, typer.Option(help="Billing period YYYY-MM; it has been run.")],
    catalog: Annotated[
        str | None, typer.Option(help="Folder of <table>.csv or <delivered_at>/<table>.csv; other tables stand.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="Time (ISO, UTC): the catalog as it had been delivered by then.")
    ] = None,
    inbox: Inbox = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    settings = override(home, inbox)
    from orchestration.simulating import simulated

    with progress() as tell:
        found = simulated(settings, period, catalog, as_of, tell)
    if as_json:
        print_json({"period": period, "catalog": catalog, "as_of": as_of} | asdict(found))
        return
    for message in found.messages:
        output.print(escape(message))
    columns = ["seller_id", "buyer_id", "rated_amount", "simulated_amount", "difference", "currency"]
    changed = [row for row in found.customers if row["difference"]]
    print_table(f"{len(changed)} of {len(found.customers)} customers of {period} differ, before tax", changed, columns)
    for row in found.unrated:
        edge = f"{row['seller_id'] or 'no seller'} to {row['buyer_id'] or 'nobody'}"
        output.print(escape(f"{edge}: {row['simulated_rows']} rows unrated ({row['reason']}), now {row['rated_rows']}"))


@application.command(
    short_help="The waterfall behind one invoice line.",
    help=f"Walk from an invoice line to the files and rows it comes from. 1: there is no such line. {CODES}",
)
def explain(
    line: Annotated[str, typer.Argument(help="line_id of fct_invoice_lines; of issued ones <number>/<position>.")],
    limit: Annotated[int, typer.Option(min=0, help="Rows shown of each step.")] = 10,
    inbox: Inbox = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    settings = override(home, inbox)
    from orchestration.explaining import explained

    with reading(settings) as connection:
        steps = explained(connection, line, limit)
    if as_json:
        print_json([{"step": step.name, "rows_in_all": step.total, "rows": step.rows} for step in steps])
    else:
        if not steps:
            output.print(f"no invoice line {escape(line)}")
        for step in steps:
            left_out = f", the first {len(step.rows)} of {step.total}" if step.total > len(step.rows) else ""
            output.print(f"[bold]{step.name}[/bold]{left_out or ('' if step.rows else ': none')}")
            for row in step.rows:  # too wide for a table: what a row has, in its own words
                said = (f"{name} [cyan]{_whole(value)}[/cyan]" for name, value in row.items() if value is not None)
                output.print("  " + ", ".join(said), soft_wrap=True, highlight=False)
    raise typer.Exit(0 if steps else 1)


def _whole(value: Any) -> str:
    """A value with nothing left out; decimals without needless zeros."""
    return text_of(value) if isinstance(value, Decimal) else escape(str(value))


@application.command(
    "explain-account",
    short_help="Why an account's real cost is not what the bill says.",
    help=f"Waterfall billed, effective, real of an account, naming commitments and other accounts. "
    f"1: the month has no such account. {CODES}",
)
def explain_account(
    account: Annotated[str, typer.Argument(help="Account id, as the vendor writes it.")],
    period: Annotated[str, typer.Option(help="Billing period YYYY-MM.")],
    inbox: Inbox = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    settings = override(home, inbox)
    from orchestration import tables
    from orchestration.account_waterfall import waterfall

    month = month_of(period)
    with reading(settings) as connection:
        found = waterfall(connection, account, month) if tables.exists(connection, "fct_account_waterfall") else []
    if as_json:
        print_json({"account_id": account, "period": period, "steps": found})
    elif found:
        shown = [row | {"commitment": row["commitment_discount_id"].removeprefix("-")} for row in found]
        print_table(f"Account {account} in {period}", shown, ["says", "amount", "currency", "commitment"])
    else:
        output.print(f"no costs of account {escape(account)} in {period}")
    raise typer.Exit(0 if found else 1)
