"""Forecasts of all series and the notices of budgets: beside the months, so that no month waits for them."""

import dagster as dg

from orchestration import budget_notices, forecasts, warehouse
from orchestration.dbt import MARTS_OWNER, mart_key
from orchestration.settings import get_settings


@dg.asset(
    deps=[mart_key("fct_daily_spend")],
    group_name="forecasts",
    kinds={"python", "parquet"},
    owners=[MARTS_OWNER],
    pool=warehouse.POOL,
    tags={"layer": "forecasts"},
)
def spend_forecasts(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Daily spend of every series to the end of the open month and three months on; fct_forecast shows the newest."""
    kept = forecasts.keep_forecast(get_settings(), context.log.info)
    return dg.MaterializeResult(
        metadata={"origin": f"{kept.origin}", "series": kept.series, "models": kept.models, **kept.rows}
    )


@dg.asset(
    deps=[mart_key("fct_budget_crossings"), "spend_forecasts"],
    group_name="forecasts",
    kinds={"python"},
    owners=[MARTS_OWNER],
    pool=warehouse.POOL,
    tags={"layer": "forecasts"},
)
def crossings_told() -> dg.MaterializeResult:
    """Thresholds that budgets reached, told once each through the notifier."""
    return dg.MaterializeResult(metadata={"notices": len(budget_notices.told(get_settings()))})
