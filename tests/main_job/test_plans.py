"""How DuckDB joins what the models ask for: never each row with each other where an equality could find them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb
import pytest

from tests.conftest import SampleRun

EQUALITY = re.compile(r"\((\w+) = (\w+)\)")


def _operators(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for child in plan["children"]:
        yield from _operators(child)


@pytest.mark.slow
@pytest.mark.xdist_group("sample_world")
def test_no_outer_join_compares_every_row_with_every_other(sample_run: SampleRun) -> None:
    """Fails when an outer join also asks `or`, `in` or something of one side alone: DuckDB then compares all pairs, and
    ten thousand customers cost a million times what ten cost. Say it in the key (a case that is null) or join twice."""
    compiled = sorted((sample_run.home / "dbt").glob("*/compiled/meterhouse/models/**/*.sql"))
    models = {re.sub(r"_\d{4}-\d{2}$", "", path.stem): path for path in compiled}
    assert len(models) > 100
    quadratic: dict[str, str] = {}
    with duckdb.connect(str(sample_run.home / "warehouse" / "warehouse.duckdb"), read_only=True) as warehouse:
        for model, path in models.items():
            ((_, plan),) = warehouse.execute(f"explain (format json) {path.read_text('utf-8')}").fetchall()
            for operator in (each for root in json.loads(plan) for each in _operators(root)):
                asked = operator.get("extra_info", {})
                if (
                    operator["name"].strip() == "BLOCKWISE_NL_JOIN"
                    and asked["Join Type"] != "INNER"
                    and EQUALITY.search(asked["Condition"])
                ):
                    quadratic[model] = asked["Condition"]
    assert quadratic == {}
