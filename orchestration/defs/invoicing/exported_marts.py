"""Marts as Parquet beside the warehouse; with them a month is done."""

import dagster as dg

from orchestration import period_state, warehouse
from orchestration.dbt import MARTS_OWNER, marts, marts_keys
from orchestration.exports import Mart, export
from orchestration.partitions import MONTHS, ONE_RUN_A_MONTH
from orchestration.periods import month_of
from orchestration.settings import get_settings

MONTHLY_KEYS, REFERENCE_KEYS = marts_keys(get_settings())


def _export(found: list[Mart], period: str | None) -> dg.MaterializeResult:
    settings = get_settings()
    month = month_of(period) if period else None
    with warehouse.opened(settings) as connection:
        rows = {mart.name: export(connection, mart, month, settings.exports) for mart in found}
        if period:
            period_state.record_done(connection, period)
    return dg.MaterializeResult(
        metadata={"marts": len(rows), "rows": sum(rows.values()), "path": str(settings.exports)}
    )


@dg.asset(
    deps=REFERENCE_KEYS,
    group_name="exports",
    kinds={"parquet"},
    owners=[MARTS_OWNER],
    pool=warehouse.POOL,
    tags={"layer": "exports"},
)
def exported_reference() -> dg.MaterializeResult:
    """Marts without a month, as `<mart>/all.parquet`."""
    return _export(marts(get_settings())[1], None)


@dg.asset(
    deps=[*MONTHLY_KEYS, "invoices"],
    partitions_def=MONTHS,
    backfill_policy=ONE_RUN_A_MONTH,
    group_name="exports",
    kinds={"parquet"},
    owners=[MARTS_OWNER],
    pool=warehouse.POOL,
    tags={"layer": "exports"},
)
def exported_month(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """The month of every mart, as `<mart>/<YYYY-MM>.parquet`."""
    return _export(marts(get_settings())[0], context.partition_key)
