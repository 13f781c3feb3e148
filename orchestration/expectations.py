"""A Great Expectations suite over one row of figures about a month: does it look like a month at all?

DuckDB computes the row (a second for ten million lines), the suite judges it. Rules about single rows are dbt tests.
Importing Great Expectations costs 3 CPU-seconds, so a row that was judged before keeps its verdicts: samples that come
late, other prices and an issue leave it as it was.
"""

from __future__ import annotations

import hashlib
import json
import os
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from orchestration.periods import months_after

Figures = dict[str, float | None]  # by name; None where there is nothing to divide by
Verdict = dict[str, Any]  # expectation, column, passed, observed

# One row; ratios are figures about money, not money. A currency that is new this month has no ratio.
_FIGURES = """
with asked as (
    select cast(? as date) as this_month, cast(? as date) as month_before
), totals as (
    select
        currency,
        sum(case when billing_period = this_month then amount end) as now,
        sum(case when billing_period = month_before then amount end) as before
    from fct_account_costs
    inner join asked on billing_period in (this_month, month_before)
    where cost_view = 'effective'
    group by currency
), amounts as (
    select
        count(*) as cost_rows,
        count_if(amount is null) as null_amounts,
        count_if(amount < 0) / greatest(count(*), 1) as negative_share,
        coalesce(max(abs(amount)) / nullif(sum(abs(amount)), 0), 0) as largest_share
    from fct_account_costs
    inner join asked on billing_period = this_month
    where cost_view = 'effective'
), landed as (
    select coalesce(sum(rows_quarantined) / nullif(sum(rows_in), 0), 0) as quarantined_share
    from lake.delivery_totals
    inner join asked on billing_period = this_month
    where is_current
), ratios as (
    select max(now / nullif(before, 0)) as highest_growth, min(now / nullif(before, 0)) as lowest_growth from totals
)
select * from ratios, amounts, landed
"""


def figures_of(connection: duckdb.DuckDBPyConnection, month: date) -> Figures:
    """The month's figures."""
    cursor = connection.execute(_FIGURES, [month, months_after(month, -1)])
    names = [column[0].lower() for column in cursor.description]
    (row,) = cursor.fetchall()
    return {name: None if value is None else float(value) for name, value in zip(names, row, strict=True)}


def verdicts_on(connection: duckdb.DuckDBPyConnection, figures: Figures, quarantine_threshold: float) -> list[Verdict]:
    """The suite's verdicts, as they were given before where this suite was asked the same before."""
    suite = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    asked = json.dumps([figures, quarantine_threshold, suite, version("great_expectations")], sort_keys=True)
    connection.execute("create table if not exists meterhouse.verdicts (asked varchar, given varchar)")
    kept = connection.execute("select given from meterhouse.verdicts where asked = ?", [asked]).fetchone()
    if kept:
        return json.loads(kept[0])
    given = judged(figures, quarantine_threshold)
    connection.execute("insert into meterhouse.verdicts values (?, ?)", [asked, json.dumps(given)])
    return given


def judged(figures: Figures, quarantine_threshold: float) -> list[Verdict]:
    """The suite's verdicts on one row of figures."""
    os.environ["GX_ANALYTICS_ENABLED"] = "False"
    import great_expectations as gx
    import great_expectations.expectations as gxe
    import pandas as pd
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    between = gxe.ExpectColumnValuesToBeBetween
    suite = gx.ExpectationSuite(
        name="month",
        expectations=[
            between(column="highest_growth", max_value=3),
            between(column="lowest_growth", min_value=1 / 3),
            between(column="quarantined_share", min_value=0, max_value=quarantine_threshold),
            between(column="null_amounts", min_value=0, max_value=0),
            between(column="negative_share", min_value=0, max_value=0.5),
            between(column="largest_share", min_value=0, max_value=0.95),
        ],
    )
    asset = context.data_sources.add_pandas("figures").add_dataframe_asset("month")
    frame = pd.DataFrame([figures]).astype(float)
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})
    return [
        {
            "expectation": result.expectation_config.type,
            "column": result.expectation_config.kwargs["column"],
            "passed": bool(result.success),
            "observed": figures[result.expectation_config.kwargs["column"]],
        }
        for result in batch.validate(suite).results
    ]
