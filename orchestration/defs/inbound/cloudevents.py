"""Usage events (CloudEvents): inbox to lake."""

import dagster as dg

from orchestration.inbound_assets import OWNERS, land_feed, money_checks
from orchestration.partitions import MONTHS, ONE_RUN_A_MONTH


@dg.asset(
    partitions_def=MONTHS,
    backfill_policy=ONE_RUN_A_MONTH,
    group_name="inbound",
    kinds={"python", "polars", "s3"},
    owners=OWNERS,
    tags={"layer": "inbound", "feed": "cloudevents"},
    check_specs=money_checks("cloudevents"),
)
def cloudevents(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """The month's events. A file names no month, so every new file lands; the figures are of this month."""
    return land_feed(context, "cloudevents", context.partition_key)
