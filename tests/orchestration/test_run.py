"""`meterhouse run` on a tiny world, for real: deliveries to draft invoices, twice, after a loss, and restated."""

from __future__ import annotations

import json
import re
import shutil
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.locks import holder
from tests.orchestration.command import (
    CUSTOMER_ACCOUNT,
    LONGEST,
    RESELLER_ACCOUNT,
    ROOT,
    bill,
    environment,
    marts,
    meterhouse,
    outcomes,
    start,
)
from tests.warm import ended

pytestmark = [pytest.mark.slow, pytest.mark.dbt, pytest.mark.xdist_group("tiny_world")]
BOTH = ("--period", "2026-01", "--period", "2026-02")


def copied(first_run: Path, folder: Path) -> tuple[Path, Path]:
    """Home and inbox of the first run, to be damaged."""
    shutil.copytree(first_run.parent, folder, dirs_exist_ok=True)
    return folder / "home", folder / "inbox"


def test_both_months_are_materialised_and_green(first_run: Path, first_report: dict[str, Any]) -> None:
    """Fails when a month does not get through, or Dagster's instance does not know its partitions."""
    import dagster as dg

    assert outcomes(first_report) == {
        "reference data": "materialised",
        "2026-01": "materialised",
        "2026-02": "materialised",
    }
    with dg.DagsterInstance.from_config(str(first_run / "dagster")) as instance:
        for asset in ("aws_cur", "edge", "fct_account_costs", "fct_invoices", "invoices", "exported_month"):
            assert instance.get_materialized_partitions(dg.AssetKey(asset)) == {"2026-01", "2026-02"}, asset


def test_views_are_made_with_the_first_month_and_stand_for_the_next(first_run: Path) -> None:
    """Fails when a month makes views anew that stand, leaves out a check or a table for it, or its assets lack it."""
    import dagster as dg

    log = (first_run / "logs" / "run.log").read_text("utf-8")
    _, january, february = re.findall(r"Finished running (.+?) in ", log)
    counted = (re.findall(r"(\d+) ([a-z ]+?)s?(?=,|$)", said) for said in (january, february))
    kinds = [{kind: int(count) for count, kind in each} for each in counted]
    assert kinds[0].pop("view model") > 10
    kinds[0].pop("exposure", None)  # pages of reports/, with which dbt does nothing
    assert kinds[0] == kinds[1], (january, february)
    with dg.DagsterInstance.from_config(str(first_run / "dagster")) as instance:
        for view in ("fct_account_costs", "focus_cost_and_usage", "fct_close_gates"):
            assert instance.get_materialized_partitions(dg.AssetKey(view)) == {"2026-01", "2026-02"}, view


def test_the_invoice_is_the_bill_and_the_mark_up(first_run: Path) -> None:
    """Fails when the customer's January net is not 3 × 88.00 × 1.05 plus 2,600 bytes × 0.01."""
    found = meterhouse(first_run, "invoices", "--period", "2026-01")
    to_shop = [invoice for invoice in found["invoices"] if invoice["buyer_id"] == "shop"]
    assert [Decimal(invoice["net_amount"]) for invoice in to_shop] == [Decimal("277.20") + Decimal("26.00")]


def test_every_cent_reconciles(first_run: Path) -> None:
    """Fails when a hop differs from the one before without an explanation."""
    found = meterhouse(first_run, "reconcile")
    assert found["unexplained"] == []
    assert {row["hop"] for row in found["reconciliation"]} >= {
        "delivered",
        "landed",
        "costed",
        "allocated",
        "rated",
        "invoiced",
    }


def test_a_second_run_changes_nothing_and_starts_nothing(first_run: Path) -> None:
    """Invariant 4. Fails when unchanged inputs are computed again, or Dagster is started to find out."""
    before, log = marts(first_run), (first_run / "logs" / "run.log").stat().st_mtime_ns
    report = meterhouse(first_run, "run", *BOTH, METERHOUSE_INBOX=str(first_run.parent / "inbox"))
    assert outcomes(report) == {"2026-01": "unchanged", "2026-02": "unchanged"}
    assert (first_run / "logs" / "run.log").stat().st_mtime_ns == log
    assert marts(first_run) == before


def test_marts_are_exported_month_by_month(first_run: Path) -> None:
    """Fails when an export holds other rows than its mart, or a half-written file stays."""
    exports = first_run / "warehouse" / "exports"
    assert {path.name for path in (exports / "fct_invoices").iterdir()} == {"2026-01.parquet", "2026-02.parquet"}
    with duckdb.connect(str(first_run / "warehouse" / "warehouse.duckdb"), read_only=True) as connection:
        for folder in exports.iterdir():
            exported = connection.execute(f"select count(*) from read_parquet('{folder}/*.parquet')").fetchone()
            assert exported == connection.execute(f'select count(*) from main."{folder.name}"').fetchone(), folder.name


def test_the_warehouse_has_its_marts_under_any_name(first_run: Path, tmp_path: Path) -> None:
    """Fails when a view finds its tables only in a file called warehouse: a copy of it then lacks marts."""
    copy = shutil.copy(first_run / "warehouse" / "warehouse.duckdb", tmp_path / "copy.duckdb")
    with duckdb.connect() as connection:
        connection.execute(f"attach '{copy}' as elsewhere (read_only)")
        for mart, (rows, _) in marts(first_run).items():
            assert connection.execute(f'select count(*) from elsewhere.main."{mart}"').fetchone() == (rows,), mart


def test_no_exported_column_is_a_float(first_run: Path) -> None:
    """Invariant 7. Fails when a mart, or a HUGEINT on its way to Parquet, becomes a DOUBLE."""
    floats = set()
    for file in (first_run / "warehouse" / "exports").rglob("*.parquet"):
        for name, type_, *_ in duckdb.execute(f"describe select * from read_parquet('{file}')").fetchall():
            if type_ in ("DOUBLE", "FLOAT"):
                floats.add((file.parent.name, name))
    assert not floats


def test_deleting_the_warehouse_gives_identical_marts_and_two_runs_at_once_do_the_work_once(
    first_run: Path, tmp_path: Path
) -> None:
    """Faults 63 and 68. Fails when the lake is not the truth, or two runs disturb one another."""
    home, inbox = copied(first_run, tmp_path)
    shutil.rmtree(home / "warehouse")
    runs = [start(home, "run", *BOTH, "--json", METERHOUSE_INBOX=str(inbox)) for _ in range(2)]
    while holder(home / "run.lock") is None:
        time.sleep(0.05)
    variables = {"METERHOUSE_INBOX": str(inbox), "METERHOUSE_LOCK_TIMEOUT": "0.5"}
    assert "has held the run lock" in meterhouse(home, "run", *BOTH, expect=3, **variables)
    answers = [process.communicate(timeout=LONGEST) for process in runs]
    assert [process.returncode for process in runs] == [0, 0], answers
    statuses = sorted(sorted(set(outcomes(json.loads(out)).values())) for out, _ in answers)
    assert statuses == [["materialised"], ["unchanged"]]
    assert marts(home) == marts(first_run)


def test_a_full_refresh_gives_the_same_marts(first_run: Path, tmp_path: Path) -> None:
    """Fault 71. Fails when `dbt build --full-refresh`, by habit, changes a mart."""
    home, _ = copied(first_run, tmp_path)
    words = ["dbt", "build", "--full-refresh", "--exclude-resource-type", "unit_test", "--profiles-dir", "."]
    words += [
        "--event-time-start",
        "2026-01-01",
        "--event-time-end",
        "2026-03-01",
        "--target-path",
        str(tmp_path / "t"),
    ]
    warehouse = str(home / "warehouse" / "warehouse.duckdb")
    done = ended(words, environment(home, METERHOUSE_WAREHOUSE=warehouse), ROOT / "dbt_project")
    assert done.returncode == 0, done.stdout[-3000:]
    assert marts(home) == marts(first_run)


def test_a_restated_month_is_made_again_before_a_later_one(first_run: Path, tmp_path: Path) -> None:
    """Fails when a new version of January's bill does not reach January, and February's draft through it."""
    from tests.worlds.builder import World

    home, inbox = copied(first_run, tmp_path)
    world = World(tmp_path)
    world.cur(RESELLER_ACCOUNT, "2026-01", bill("90.00"), version="assembly-0002")
    report = meterhouse(home, "run", "--period", "2026-02", METERHOUSE_INBOX=str(inbox))
    assert [outcome["name"] for outcome in report["outcomes"]] == ["reference data", "2026-01", "2026-02"]
    assert [outcome["reason"] for outcome in report["outcomes"]] == [
        "its models stand",  # the catalog is the same
        "inputs changed",
        "an earlier month changed",
    ]
    with duckdb.connect(str(home / "warehouse" / "warehouse.duckdb"), read_only=True) as connection:
        january = "sub_account_id = ? and cost_view = 'billed' and billing_period = date '2026-01-01'"
        query = f"select sum(amount) from fct_account_costs where {january}"
        assert connection.execute(query, [CUSTOMER_ACCOUNT]).fetchone() == (Decimal(270),)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--period", "2026-13"], "YYYY-MM"),
        (["run", "--period", "2026-04"], "METERHOUSE_NOW"),
        (["run", "--period", "2026-01", "--inbox", "/nowhere"], "no inbox at /nowhere"),
        (["run"], "--period"),
    ],
)
def test_bad_input_ends_with_two_and_says_what_would_be_right(arguments: list[str], words: str, tmp_path: Path) -> None:
    """Fails when bad input is called a failure, or the message leaves a person alone."""
    (tmp_path / "home" / "inbox").mkdir(parents=True)
    assert words in meterhouse(tmp_path / "home", *arguments, expect=2)


def test_doctor_is_content_with_a_sound_home(first_run: Path) -> None:
    """Fails when doctor finds fault with what a run leaves, or answers without figures."""
    findings = meterhouse(first_run, "doctor", METERHOUSE_INBOX=str(first_run.parent / "inbox"))
    assert all(finding["ok"] for finding in findings)
    assert {finding["name"] for finding in findings} >= {"versions", "disk", "inbox", "lake", "runs", "run lock"}
    assert all(any(character.isdigit() for character in f["detail"]) or f["detail"] == "free" for f in findings)
