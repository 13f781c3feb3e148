"""AWS cost and usage reports, a billing period each: inbox to lake."""

import dagster as dg

from orchestration.inbound_assets import OWNERS, land_feed, money_checks
from orchestration.partitions import MONTHS, ONE_RUN_A_MONTH


@dg.asset(
    partitions_def=MONTHS,
    backfill_policy=ONE_RUN_A_MONTH,
    group_name="inbound",
    kinds={"python", "polars", "s3"},
    owners=OWNERS,
    tags={"layer": "inbound", "feed": "aws_cur"},
    check_specs=money_checks("aws_cur"),
)
def aws_cur(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """The month's bill of every AWS payer as delivered: newest complete version, good rows and quarantine."""
    return land_feed(context, "aws_cur", context.partition_key)
