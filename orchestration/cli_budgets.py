"""The commands about what will be spent: forecast, budgets. Parses and prints."""

from __future__ import annotations

from typing import Any

import typer
from rich.markup import escape

from orchestration.console import (
    CODES,
    AsJson,
    Home,
    Inbox,
    Periods,
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
    short_help="Forecast daily spend to the end of the month and three months on.",
    help=f"Forecast the daily spend of every series, as of METERHOUSE_NOW, and tell budgets' crossings. {CODES}",
)
def forecast(inbox: Inbox = None, home: Home = None, as_json: AsJson = False) -> None:
    settings = override(home, inbox)
    from orchestration import run as runs

    with progress() as tell:
        outcome = runs.forecasted(settings, tell)
    with reading(settings) as connection:
        found = _figures(connection)
    if as_json:
        print_json({"status": outcome.status, "reason": outcome.reason, "seconds": outcome.seconds, "models": found})
    else:
        show_forecast(outcome, found)
    raise typer.Exit(0 if outcome.status == "materialised" else 3)


def show_forecast(outcome: Any, found: list[dict[str, Any]]) -> None:
    if outcome.status != "materialised":
        output.print(f"forecast: [red]failed[/red] {escape(outcome.reason)}")
        return
    output.print(f"forecast: {sum(row['series'] for row in found)} series in {outcome.seconds:.0f} s")
    for row in found:
        mase, coverage = text_of(row["mase"]) or "-", text_of(row["coverage"]) or "-"
        output.print(f"  {row['model']}: {row['series']} series, backtest MASE {mase}, 80 % interval covers {coverage}")


def _figures(connection: Any) -> list[dict[str, Any]]:
    from orchestration import tables

    return tables.forecast_figures(connection) if tables.exists(connection, "fct_forecast") else []


@application.command(
    short_help="Budgets as they stand: spent, forecast, status.",
    help=f"Budgets of a period (default: the newest) on its last known day. 1: one is exceeded or at risk. {CODES}",
)
def budgets(period: Periods = None, inbox: Inbox = None, home: Home = None, as_json: AsJson = False) -> None:
    settings = override(home, inbox)
    from orchestration import tables

    months = [month_of(text) for text in period or []]
    with reading(settings) as connection:
        found = tables.budgets(connection, months) if tables.exists(connection, "fct_budget_vs_actual") else []
    if as_json:
        print_json({"budgets": found})
    else:
        show_budgets(found)
    raise typer.Exit(0 if all(row["status"] == "on_track" for row in found) else 1)


def show_budgets(found: list[dict[str, Any]]) -> None:
    shown = ["billing_period", "budget_id", "scope_value", "actual_to_date", "forecast", "budget_amount", "currency"]
    print_table(f"{len(found)} budgets", found, [*shown, "status"])
    for row in found:
        if row["reason"]:
            output.print(f"{escape(row['budget_id'])}: {escape(row['reason'])}")
