"""Which months a data test looks at: the run's, and all of them where the run names none."""

from __future__ import annotations

import shutil
from pathlib import Path
from uuid import uuid4

import pytest

from orchestration import dbt_runner
from orchestration.dbt import failed_checks
from orchestration.parsing import parsed
from orchestration.settings import Settings
from orchestration.warehouse import opened
from tests.conftest import SampleRun

TOTALS = "assert_invoices_equal_their_lines"
IDS = "unique_fct_invoices_invoice_id"
GAPS = "no_nulls_fct_invoices_invoice_id__net_amount__tax_amount__total_amount"


def _failed(settings: Settings, first: str, end: str) -> list[str]:
    """The blocking checks that say no of the months from `first` to before `end`, run as a month's run does."""
    words = ["--log-level", "none", "build", "--select", TOTALS, IDS, GAPS]
    words += ["--event-time-start", first, "--event-time-end", end]
    folder = settings.dbt_target_path / f"checks-{uuid4().hex[:7]}"
    ended = dbt_runner.run(settings, parsed(settings), words, folder)
    return sorted(outcome.node.name for outcome in ended.outcomes() if outcome.status in ("fail", "error"))


@pytest.mark.slow
@pytest.mark.xdist_group("sample_world")
def test_a_month_is_checked_by_itself_and_an_issue_checks_all(sample_run: SampleRun, tmp_path: Path) -> None:
    """Fails when checks of one month cost all months, or what is wrong in January is not seen where January counts."""
    home = tmp_path / "home"
    shutil.copytree(sample_run.home, home, ignore=shutil.ignore_patterns("exports", "dagster"))
    settings = Settings(home=home)
    january = "billing_period = date '2026-01-01'"
    with opened(settings) as connection:
        connection.execute(f"update fct_invoices set total_amount = total_amount + 1 where {january}")
        connection.execute(
            "update fct_invoices set tax_amount = null where invoice_id ="
            f" (select min(invoice_id) from fct_invoices where {january})"
        )
    assert failed_checks(settings) == [TOTALS, GAPS]
    assert _failed(settings, "2026-01-01", "2026-02-01") == [TOTALS, GAPS]
    assert _failed(settings, "2026-01-01", "2026-03-01") == [TOTALS, GAPS]
    assert _failed(settings, "2026-02-01", "2026-03-01") == []
    with opened(settings) as connection:
        ((first,),) = connection.execute(f"select min(invoice_id) from fct_invoices where {january}").fetchall()
        connection.execute(
            "update fct_invoices set invoice_id = ? where invoice_id ="
            " (select min(invoice_id) from fct_invoices where billing_period = date '2026-03-01')",
            [first],
        )
    # Two of a name are two of a name in whatever month.
    assert IDS in _failed(settings, "2026-03-01", "2026-04-01")
    assert IDS in _failed(settings, "2026-02-01", "2026-03-01")
