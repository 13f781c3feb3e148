"""`make run`: every month of the inbox through the real assets, then what a person wants to see of it."""

from __future__ import annotations

import sys
import time

from orchestration import cli, cli_budgets, run, tables
from orchestration.deliveries_seen import billed_periods
from orchestration.settings import Settings, get_settings


def demonstrate(settings: Settings) -> int:
    """Runs, prints invoices and reconciliation, and what to try next; returns the exit code."""
    started = time.monotonic()
    periods = billed_periods(settings)
    cli.output.print(f"== materialising {', '.join(periods)} from {settings.inbox_uri}")
    with cli.progress() as tell:
        report = run.run(settings, periods, tell)
    cli.say(report)
    if report.exit_code:
        return report.exit_code
    if any(outcome.status == "materialised" for outcome in report.outcomes):
        with cli.progress() as tell:
            forecast = run.forecasted(settings, tell)
        cli.output.print(f"forecasts: {forecast.status} in {forecast.seconds:.0f} s, to three months ahead")
    cli.output.print("\n== invoices (drafts)")
    with cli.reading(settings) as connection:
        found = tables.invoices(connection, [])
        hops = tables.reconciliation(connection, [])
        budgets = tables.budgets(connection, [])
    cli.show_invoices(found)
    cli.output.print("\n== budgets of the newest month")
    cli_budgets.show_budgets(budgets)
    cli.output.print("\n== reconciliation: delivered, landed, costed, allocated, rated, invoiced")
    code = cli.show_reconciliation(hops, explained=False)
    cli.output.print(f"\n== done in {time.monotonic() - started:.0f} s; everything is in {settings.root}")
    cli.output.print("Try next:")
    cli.output.print("  make ui                                          the same months in Dagster, green")
    cli.output.print(f"  .venv/bin/meterhouse invoices --period {periods[-1]}   one month; --json for programs")
    cli.output.print(f"  .venv/bin/meterhouse run --period {periods[-1]} --inbox /your/inbox --home /your/home")
    cli.output.print("  .venv/bin/meterhouse reconcile                   and why one hop differs from the one before")
    cli.output.print("  .venv/bin/meterhouse issue --help                the close gate, then invoices with numbers")
    cli.output.print("  make run                                         again: nothing changes")
    return code


def main() -> None:
    cli.exit_with(lambda: demonstrate(get_settings()))


if __name__ == "__main__":
    sys.exit(main())
