"""Marts as Parquet beside the warehouse; with them a month is done."""

import dagster as dg

from ingestion.lake import Lake
from ingestion.storage import open_storage
from orchestration import period_state, warehouse
from orchestration.dbt import LAKE_REFERENCE, MARTS_OWNER, mart_key, marts
from orchestration.exports import Mart, export
from orchestration.partitions import MONTHS, ONE_RUN_A_MONTH
from orchestration.periods import month_of
from orchestration.settings import get_settings

MARTS = marts(get_settings())


def _keys(found: list[Mart]) -> list[dg.AssetKey]:
    return [mart_key(mart.name) for mart in found]


def _export(found: list[Mart], period: str | None) -> dg.MaterializeResult:
    settings = get_settings()
    month = month_of(period) if period else None
    with warehouse.opened(settings) as connection:
        rows = [export(connection, mart, month, settings.exports) or 0 for mart in found]
        if period:
            period_state.record_done(connection, period)
    return dg.MaterializeResult(metadata={"marts": len(rows), "rows": sum(rows), "path": str(settings.exports)})


@dg.asset(
    deps=[*_keys(MARTS.reference), LAKE_REFERENCE],  # the lake by itself, where the models stand
    group_name="exports",
    kinds={"parquet"},
    owners=[MARTS_OWNER],
    pool=warehouse.POOL,
    tags={"layer": "exports"},
)
def exported_reference() -> dg.MaterializeResult:
    """Marts without a month, as `<mart>/all.parquet`."""
    return _export(MARTS.reference, None)


@dg.asset(
    deps=_keys(MARTS.lines),
    partitions_def=MONTHS,
    backfill_policy=ONE_RUN_A_MONTH,
    group_name="exports",
    kinds={"parquet"},
    owners=[MARTS_OWNER],
    pool=warehouse.POOL,
    tags={"layer": "exports"},
)
def exported_lines(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Every line of the month's bills, as `<mart>/<YYYY-MM>.parquet`.

    Written only where a bill changed, so a close does not wait for it; METERHOUSE_EXPORT_LINES=false leaves it out.
    """
    settings = get_settings()
    if not settings.export_lines:
        return dg.MaterializeResult(metadata={"marts": 0, "rows": 0})
    period = context.partition_key
    made_from = f"{Lake(open_storage(settings.lake_uri)).bills_hash(period)}-{period_state.code_hash()}"
    with warehouse.opened(settings) as connection:
        rows = [export(connection, mart, month_of(period), settings.exports, made_from) for mart in MARTS.lines]
    written = [count for count in rows if count is not None]
    return dg.MaterializeResult(metadata={"marts": len(written), "rows": sum(written), "path": str(settings.exports)})


@dg.asset(
    deps=[*_keys(MARTS.monthly), "asked_gates", "exported_lines", "invoices"],
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
    return _export(MARTS.monthly, context.partition_key)
