"""A month that does not fit into DuckDB's memory limit: it spills beside the warehouse, and the answer is the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.floor import agree_row_by_row, by_hand, landed
from tests.bench.measuring import measured
from tests.bench.month import PERIOD, write_bill, write_catalog
from tests.main_job.conftest import MainJob

LINES, CUSTOMERS = 150_000, 500


@pytest.mark.slow
def test_a_month_larger_than_memory_spills_and_is_billed(
    tmp_path: Path, main_job: MainJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when a model or check stops once another has spilled, or a row differs from the hand-written floor's."""
    # The export of the lines holds a row group for each of two threads: at 146 MB it ran out half the time, at
    # 150 in none of 24. At 160 the month still spills 65 MB, at 150 it spills 72.
    monkeypatch.setenv("METERHOUSE_MEMORY_LIMIT", "160MB")
    inbox, floor = tmp_path / "inbox", tmp_path / "floor.duckdb"
    write_bill(inbox, LINES, CUSTOMERS)
    write_catalog(inbox, CUSTOMERS)
    main_job(inbox, [PERIOD]).close()
    measured(by_hand("floor", floor, landed(tmp_path / "home" / "lake"), inbox / "catalog" / "2026-01-01"), {})
    rows = agree_row_by_row(tmp_path / "home" / "warehouse" / "warehouse.duckdb", floor)
    assert rows["fct_invoices"] == 520 and rows["fct_account_costs"] > LINES
