"""FOCUS bills of any provider, a billing period each: inbox to lake."""

import dagster as dg

from orchestration.inbound_assets import OWNERS, land_feed, money_checks
from orchestration.partitions import MONTHS, ONE_RUN_A_MONTH


@dg.asset(
    partitions_def=MONTHS,
    backfill_policy=ONE_RUN_A_MONTH,
    group_name="inbound",
    kinds={"python", "polars", "s3"},
    owners=OWNERS,
    tags={"layer": "inbound", "feed": "focus"},
    check_specs=money_checks("focus"),
)
def focus(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """The month's FOCUS rows of every export and folder: newest complete version, good rows and quarantine."""
    return land_feed(context, "focus", context.partition_key)
