"""dbt's unit tests, all of them: the example worked by hand beside each model that computes."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.dbt_project.conftest import ScratchWarehouse


@pytest.mark.dbt
@pytest.mark.slow
def test_every_unit_test_holds(scratch_warehouse: Callable[..., ScratchWarehouse]) -> None:
    """Fails when a model no longer gives what its own example says, or an example is not run.

    dbt takes the types of the rows it is given from relations, so all models are built, without a row.
    """
    warehouse = scratch_warehouse()
    month = ["--event-time-start", "2026-01-01", "--event-time-end", "2026-02-01"]
    for words in (
        ["build", "--empty", *month, "--exclude-resource-type", "test", "unit_test"],
        ["test", "--select", "test_type:unit"],
    ):
        done = warehouse.dbt(*words)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    examples = json.loads((warehouse.target / "manifest.json").read_text("utf-8"))["unit_tests"]
    results = json.loads((warehouse.target / "run_results.json").read_text("utf-8"))["results"]
    held = {result["unique_id"] for result in results if result["status"] == "pass"}
    assert len(examples) > 100
    assert held == examples.keys()
