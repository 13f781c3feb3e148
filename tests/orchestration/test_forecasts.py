"""`meterhouse forecast` on a home with two months: kept in the lake, shown in the marts, told once."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from orchestration.settings import Settings
from orchestration.warehouse import opened
from tests.orchestration.command import meterhouse


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.dbt
@pytest.mark.xdist_group("tiny_world")
def test_a_forecast_is_kept_shown_and_told_once(tmp_path: Path, first_report: dict[str, Any]) -> None:
    """Fails when marts or exports do not show the forecast, a second one differs, or a crossing is told twice."""
    home = tmp_path / "home"
    shutil.copytree(first_report["home"], home)
    said = meterhouse(home, "forecast")
    assert said["status"] == "materialised" and sum(row["series"] for row in said["models"]) > 0
    exported = pl.read_parquet(home / "warehouse" / "exports" / "fct_forecast" / "all.parquet")
    # The clock says 15 March, and January and February were run: both are over and known to their last days.
    assert f"{exported['origin_date'].max()}" == "2026-02-28"
    assert f"{exported['forecast_date'].max()}" == "2026-06-30"
    with opened(Settings(home=home)) as connection:
        (rows,) = connection.execute("select count(*) from fct_forecast").fetchone() or (0,)
        (trials,) = connection.execute("select count(*) from fct_forecast_backtest").fetchone() or (0,)
    assert rows == exported.height and trials > 0
    assert {path.name for path in (home / "lake" / "forecasts" / "2026-03-15").iterdir()} == {
        "forecasts.parquet",
        "forecast_backtests.parquet",
    }
    kept, notices = contents(home / "lake" / "forecasts"), contents(home / "notices")
    assert len(notices) == 1 and b"50 % of 2026-02" in next(iter(notices.values()))
    meterhouse(home, "forecast")
    assert (contents(home / "lake" / "forecasts"), contents(home / "notices")) == (kept, notices)
    budgets = meterhouse(home, "budgets")["budgets"]
    assert [(row["budget_id"], row["status"]) for row in budgets] == [("shop-all", "on_track")]
