"""A bench's month in a folder: its inbox and home, the commands that land and close it, and where they leave things."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measuring import Cost, measured
from tests.bench.month import PERIOD, write_bill, write_catalog

LAND_PROGRAM = """
import sys
from ingestion.lake import Lake
from ingestion.landing import land
from ingestion.storage import open_storage
inbox, lake, *feeds = sys.argv[1:]
lake = Lake(open_storage(lake))
for feed in feeds:
    report = land(feed.split(":")[0], open_storage(inbox), lake, *feed.split(":")[1:])
    if report.rejected or report.rows_quarantined:
        raise SystemExit(f"{feed} was not landed whole: {report.messages}")
"""


def land_command(inbox: Path, lake: Path, *feeds: str) -> list[str]:
    """Lands feeds (`catalog`, `aws_cur:2026-01`) in a process of their own; it fails where a row is not loaded."""
    return [sys.executable, "-c", LAND_PROGRAM, str(inbox), str(lake), *feeds]


@dataclass(frozen=True)
class Month:
    root: Path
    lines: int = 0
    customers: int = 0

    @property
    def inbox(self) -> Path:
        return self.root / "inbox"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def lake(self) -> Path:
        return self.home / "lake"

    @property
    def catalog(self) -> Path:
        return self.inbox / "catalog" / "2026-01-01"

    @property
    def warehouse(self) -> Path:
        return self.home / "warehouse" / "warehouse.duckdb"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "METERHOUSE_HOME": str(self.home),
            "METERHOUSE_INBOX": str(self.inbox),
            "METERHOUSE_LAKE": str(self.lake),
            "METERHOUSE_NOW": "2026-02-03T00:00:00Z",
            "METERHOUSE_EXPORT_LINES": "false",  # a copy of the bill, which the floor does not write
        }

    def write(self, *periods: str) -> Month:
        """The inbox with the catalog and the bills of the periods."""
        print(f"Writing {self.lines:,} lines a month for {self.customers:,} customers ...", flush=True)
        for period in periods or [PERIOD]:
            write_bill(self.inbox, self.lines, self.customers, period)
        write_catalog(self.inbox, self.customers)
        return self

    def land(self, *periods: str) -> Cost:
        bills = [f"aws_cur:{period}" for period in periods or [PERIOD]]
        return measured(land_command(self.inbox, self.lake, "catalog", *bills), self.environment)

    def close(self, *periods: str) -> Cost:
        """The main job from a cold shell."""
        named = [word for period in periods or [PERIOD] for word in ("--period", period)]
        return measured([sys.executable, "-m", "orchestration.cli", "run", *named], self.environment)
