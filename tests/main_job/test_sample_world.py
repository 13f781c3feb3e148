"""The sample world, whole, against its truth, worked out in plain Python without SQL and without this project."""

from __future__ import annotations

import duckdb
import pytest

from tests.conftest import SampleRun
from tests.worlds.truth_comparison import differences


@pytest.mark.slow
@pytest.mark.xdist_group("sample_world")
def test_every_mart_of_the_sample_world_equals_its_truth(sample_run: SampleRun) -> None:
    """Fails when a total, component, metered quantity, rated amount, margin, invoice line or tax departs from truth."""
    with duckdb.connect(str(sample_run.home / "warehouse" / "warehouse.duckdb"), read_only=True) as marts:
        assert differences(marts, sample_run.truth) == []
        assert marts.execute("select count(*) from fct_reconciliation where unexplained <> 0").fetchone() == (0,)
        # So that it can be issued without a waiver.
        assert marts.execute("select * from fct_unrated_usage where holds_close").fetchall() == []
        assert marts.execute("select count(distinct currency) from fct_invoices").fetchone() == (3,)
