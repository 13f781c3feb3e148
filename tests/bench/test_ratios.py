"""What must not get worse, as ratios of CPU seconds with slack; never seconds, because machines differ and are shared.

Two closes, one of four times the lines, and landings of two sizes; beside each bound stands what was measured.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from tests.bench.dbt_log import share_of_checks
from tests.bench.floor import agree_row_by_row, agree_to_the_cent, by_hand, landed
from tests.bench.measuring import Cost, measured
from tests.bench.parts.ingestion import ingested
from tests.bench.world import Month

pytestmark = [pytest.mark.slow, pytest.mark.dbt, pytest.mark.xdist_group("bench")]
CUSTOMERS = 200


@dataclass(frozen=True)
class Closed:
    month: Month
    cost: Cost
    fewer: Cost  # the close of a quarter of the lines
    floor: Path


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Closed:
    fewer = Month(tmp_path_factory.mktemp("fewer"), 40_000, CUSTOMERS).write()
    fewer.land()
    few = fewer.close()
    shutil.rmtree(fewer.root)
    month = Month(tmp_path_factory.mktemp("more"), 160_000, CUSTOMERS).write()
    month.land()
    return Closed(month, month.close(), few, month.root / "floor.duckdb")


@pytest.fixture(scope="module")
def floor(closed: Closed) -> Cost:
    return measured(by_hand("floor", closed.floor, landed(closed.month.lake), closed.month.catalog), {})


def test_the_floor_and_the_main_job_have_the_same_rows(closed: Closed, floor: Cost) -> None:
    """Fails where a cost, transfer, charge, invoice line or invoice is not what the rules give, written by hand."""
    rows = agree_row_by_row(closed.month.warehouse, closed.floor)
    assert rows["fct_account_costs"] > closed.month.lines and rows["fct_invoices"] == CUSTOMERS + 20
    assert rows["fct_sharing_settlement"] > 2 * CUSTOMERS, "the volume tiers have moved nothing"


def test_a_row_that_differs_by_the_last_decimal_is_found(closed: Closed, floor: Cost, tmp_path: Path) -> None:
    """Fails when the comparison would pass a floor whose rows are not the main job's."""
    changed = tmp_path / "floor.duckdb"
    shutil.copy(closed.floor, changed)
    with duckdb.connect(str(changed)) as connection:
        connection.execute(
            "update fct_account_costs set amount = amount + 1e-18::decimal(38, 18)"
            " where rowid = (select min(rowid) from fct_account_costs)"
        )
    with pytest.raises(AssertionError, match="fct_account_costs has rows of"):
        agree_row_by_row(closed.month.warehouse, changed)


def test_the_totals_alone_agree_to_the_cent(closed: Closed, tmp_path: Path) -> None:
    """Fails when the yardstick of the peers bills another amount than the main job."""
    totals = tmp_path / "totals.parquet"
    measured(by_hand("totals", totals, landed(closed.month.lake), closed.month.catalog), {})
    agree_to_the_cent(closed.month.warehouse, totals)


def test_four_times_the_lines_cost_little_more(closed: Closed) -> None:
    """Fails when something reads or joins the lines again and again; measured: 1.0 to 1.2 times."""
    assert closed.cost.cpu < 1.7 * closed.fewer.cpu


def test_the_main_job_stays_within_reach_of_the_floor(closed: Closed, floor: Cost) -> None:
    """Fails when a close costs far more than the same rows by hand; measured: 19 to 26 times, most of it
    fixed cost."""
    assert closed.cost.cpu < 50 * floor.cpu


def test_checks_are_a_small_share_of_a_close(closed: Closed) -> None:
    """Fails when checks read much more than their tables; measured: 20 % of the nodes' seconds (13 % while
    months of models were counted twice)."""
    assert share_of_checks(closed.month.home) < 0.3


def test_a_run_with_nothing_to_do_costs_next_to_nothing(closed: Closed) -> None:
    """Fails when such a run starts Dagster or dbt; measured: 2 % of a close."""
    assert closed.month.close().cpu < 0.1 * closed.cost.cpu


@pytest.mark.parametrize("as_csv", [False, True], ids=["parquet", "csv"])
def test_memory_of_landing_is_flat_in_the_size_of_the_file(tmp_path: Path, as_csv: bool) -> None:
    """Fails when a bill is held whole while it is landed; measured: 1.1 times for 2.5 times the lines, each side the
    least of two landings."""
    few, *_ = ingested(tmp_path / "few", 300_000, CUSTOMERS, as_csv, 2)
    shutil.rmtree(tmp_path / "few")
    many, *_ = ingested(tmp_path / "many", 750_000, CUSTOMERS, as_csv, 2)
    shutil.rmtree(tmp_path / "many")
    assert min(cost.peak for cost in many) < 1.35 * min(cost.peak for cost in few)
