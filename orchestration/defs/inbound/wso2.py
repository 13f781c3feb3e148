"""API gateway events (WSO2): inbox to lake."""

import dagster as dg

from orchestration.inbound_assets import OWNERS, land_feed, money_checks
from orchestration.partitions import MONTHS, ONE_RUN_A_MONTH


@dg.asset(
    partitions_def=MONTHS,
    backfill_policy=ONE_RUN_A_MONTH,
    group_name="inbound",
    kinds={"python", "polars", "s3"},
    owners=OWNERS,
    tags={"layer": "inbound", "feed": "wso2"},
    check_specs=money_checks("wso2"),
)
def wso2(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """The month's API events. A file names no month, so every new file lands; the figures are of this month."""
    return land_feed(context, "wso2", context.partition_key)
