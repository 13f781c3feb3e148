"""Does the month look like a month: totals against the last one, share quarantined, distribution of amounts."""

import dagster as dg

from orchestration import warehouse
from orchestration.dbt import mart_key
from orchestration.expectations import figures_of, verdicts_on
from orchestration.partitions import MONTHS
from orchestration.periods import month_of
from orchestration.settings import get_settings


@dg.asset_check(
    asset=mart_key("fct_account_costs"),
    partitions_def=MONTHS,
    blocking=False,  # a strange month is for a person to look at; what must add up is checked by dbt
    pool=warehouse.POOL,
    description="Great Expectations: growth within a factor of 3, quarantine, nulls, signs, concentration.",
)
def month_looks_sane(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    settings = get_settings()
    with warehouse.opened(settings) as connection:
        figures = figures_of(connection, month_of(context.partition_key))
        verdicts = verdicts_on(connection, figures, settings.quarantine_threshold)
    return dg.AssetCheckResult(
        passed=all(verdict["passed"] for verdict in verdicts),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={v["column"]: v["observed"] for v in verdicts if v["observed"] is not None}
        | {"failed": ", ".join(f"{v['column']} {v['observed']:g}" for v in verdicts if not v["passed"]) or "none"},
    )
