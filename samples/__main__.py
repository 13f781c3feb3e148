"""`python -m samples --out DIR --seed N`: writes the sample inbox, and beside it what is true about it.

The same seed gives the same bytes, file times included.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from samples.aws_bill import payer_bill
from samples.aws_lines import Line
from samples.catalog_files import write_table
from samples.catalog_tables import catalog_deliveries, current_catalog
from samples.cur_files import write_cur2, write_legacy_cur
from samples.edge_files import Metric
from samples.edge_servers import EdgeFile, write_edge
from samples.truth import dumped, plain, truth
from samples.world import MONTHS, PARQUET_MONTH, PAYER_A, PAYER_B, RESTATED, bounds


def write_bills(inbox: Path, seed: int, periods: Sequence[str]) -> tuple[dict[tuple[str, str], list[Line]], list[dict]]:
    """Writes every version of every bill. Returns the current bills and the list of deliveries."""
    current: dict[tuple[str, str], list[Line]] = {}
    deliveries: list[dict[str, Any]] = []
    for period in periods:
        for version in (1, 2) if period == RESTATED else (2,):
            arrived = bounds(period)[1] + timedelta(days=2 if version == 1 else 9, hours=4)
            for payer in (PAYER_A, PAYER_B):
                lines = payer_bill(seed, payer, period, version)
                name = f"{period.replace('-', '')}{version:02d}-{payer[-4:]}-4c1d-8e21-{payer}"
                if payer == PAYER_A:
                    write_legacy_cur(
                        inbox,
                        payer,
                        period,
                        lines,
                        assembly=name,
                        parquet=period == PARQUET_MONTH,
                        files=2,
                        received_at=arrived,
                    )
                else:
                    write_cur2(inbox, payer, period, lines, execution=name, executed_at=arrived)
                current[payer, period] = lines
                deliveries.append(
                    {
                        "source": "aws_cur",
                        "account": payer,
                        "period": period,
                        "name": name,
                        "lines": len(lines),
                        "unblended": plain(sum(line["line_item_unblended_cost"] for line in lines)),
                        "is_current": version == 2,
                    }
                )
    return current, deliveries


def write_catalog(inbox: Path) -> None:
    """Writes every catalog delivery."""
    for delivered_at, tables in catalog_deliveries().items():
        for table, rows in tables.items():
            write_table(inbox, delivered_at, table, rows, datetime.fromisoformat(f"{delivered_at}T06:00:00+00:00"))


def edge_deliveries(files: list[EdgeFile]) -> list[dict[str, Any]]:
    """Each file with its number of samples (field values)."""
    return [
        {
            "source": "edge",
            "account": file.host,
            "name": file.name,
            "samples": sum(len(metric.fields) for metric in file.metrics),
        }
        for file in files
    ]


def build(out: Path, seed: int, periods: Sequence[str]) -> dict[str, Any]:
    """Writes the inbox into `out` and returns the truth about it."""
    current, deliveries = write_bills(out, seed, periods)
    files = write_edge(out, seed, periods)
    write_catalog(out)
    samples: dict[str, list[Metric]] = defaultdict(list)
    for file in files:
        samples[file.host] += file.metrics
    return truth(seed, periods, current, samples, current_catalog(), deliveries + edge_deliveries(files))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0 when written."""
    parser = argparse.ArgumentParser(prog="python -m samples", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="the inbox to write")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other quantities (default 1)")
    parser.add_argument("--months", nargs="+", default=list(MONTHS), choices=MONTHS, metavar="YYYY-MM")
    parser.add_argument("--truth", type=Path, help="where the truth goes (default DIR/../truth.json)")
    options = parser.parse_args(arguments)
    document = build(options.out, options.seed, sorted(set(options.months)))
    path = options.truth or options.out.resolve().parent / "truth.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(dumped(document))
    print(f"sample inbox {options.out}: {len(document['deliveries'])} deliveries; truth {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
