"""Own reference data (parties, agreements, prices, plans …): inbox to lake, whole tables."""

import dagster as dg

from orchestration.inbound_assets import OWNERS, land_feed, money_checks, warn_of_unread


@dg.asset(
    group_name="inbound",
    kinds={"python", "polars", "s3"},
    owners=OWNERS,
    tags={"layer": "inbound", "feed": "catalog"},
    check_specs=money_checks("catalog"),
)
def catalog(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Every catalog delivery as it was known at its time; a table that was not delivered again stands."""
    warn_of_unread(context)
    return land_feed(context, "catalog", None)
