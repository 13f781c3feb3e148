"""The least of the job, invoice totals, as somebody would otherwise write it; each must agree to the cent."""

from __future__ import annotations

import sys

from tests.bench.floor import agree_to_the_cent, by_hand, landed
from tests.bench.measuring import Cost, Goal, measured, median, print_costs
from tests.bench.peers import PEERS
from tests.bench.world import Month


def run(month: Month, repeats: int) -> list[Goal]:
    month.land()
    files = landed(month.lake)
    totals_file = month.root / "totals.parquet"
    costs: dict[str, list[Cost]] = {"DuckDB, totals only": [], **{peer: [] for peer in PEERS}}
    for _ in range(repeats):  # interleaved, so that a noisy machine disturbs all
        costs["DuckDB, totals only"].append(measured(by_hand("totals", totals_file, files, month.catalog), {}))
        for peer in PEERS:
            out = month.root / f"{peer}.parquet"
            costs[peer].append(measured(peer_command(peer, str(out), str(month.catalog), *files), {}))
    for peer in PEERS:
        invoices, total = agree_to_the_cent(totals_file, month.root / f"{peer}.parquet")
    print(
        f"\nInvoice totals of {month.lines:,} lines by other means, the same to the cent:"
        f" {invoices:,} invoices, {total:,.2f} USD."
    )
    print_costs(list(costs.items()), median(costs["DuckDB, totals only"]), "totals")
    return []


def peer_command(peer: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "tests.bench.peers", peer, *arguments]
