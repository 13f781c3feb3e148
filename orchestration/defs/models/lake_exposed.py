"""The lake shown to the warehouse: views over the current deliveries' Parquet, before dbt reads them."""

import dagster as dg

from ingestion.lake import Lake
from ingestion.room import need_room
from ingestion.storage import open_storage
from orchestration import standing_models, warehouse
from orchestration.dbt import LAKE_MONTH, LAKE_REFERENCE
from orchestration.exposing import expose_lake
from orchestration.inbound_assets import OWNERS
from orchestration.partitions import MONTHS, ONE_RUN_A_MONTH
from orchestration.period_state import REFERENCE, exposed, record_exposed
from orchestration.settings import get_settings


def _expose(period: str | None) -> dg.MaterializeResult:
    settings = get_settings()
    lake = Lake(open_storage(settings.lake_uri))
    if period and settings.target == "duckdb":
        need_room(settings.warehouse_path, lake.bytes_of(period), f"computing {period}")
    with warehouse.opened(settings) as connection:
        begun = sorted(exposed(connection) | ({period} if period else set()))
        # Before it is shown: of an entry or a midnight that comes between, the hash is then the former one.
        shown = standing_models.relations_shown(lake, settings, period, begun) if period else {}
        files = expose_lake(connection, lake, settings.first_period, settings.clock.date(), begun)
        record_exposed(connection, REFERENCE, lake.reference_hash())
        if period:
            record_exposed(connection, period, lake.inputs_hash(period))
            standing_models.record_shown(connection, period, shown)
    return dg.MaterializeResult(metadata={"current_files": files})


@dg.asset(
    key=LAKE_REFERENCE,
    deps=["catalog"],
    group_name="lake",
    kinds={"duckdb", "parquet"},
    owners=OWNERS,
    pool=warehouse.POOL,
    tags={"layer": "lake"},
)
def lake_reference() -> dg.MaterializeResult:
    """Catalog, currencies, calendar, and what the lake knows of its deliveries, as relations of the lake schema."""
    return _expose(None)


@dg.asset(
    key=LAKE_MONTH,
    deps=["aws_cur", "cloudevents", "edge", "focus", "wso2", LAKE_REFERENCE],
    partitions_def=MONTHS,
    backfill_policy=ONE_RUN_A_MONTH,
    group_name="lake",
    kinds={"duckdb", "parquet"},
    owners=OWNERS,
    pool=warehouse.POOL,
    tags={"layer": "lake"},
)
def lake_month(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """The month's current bills and samples as relations of the lake schema: read in place, no second copy."""
    return _expose(context.partition_key)
