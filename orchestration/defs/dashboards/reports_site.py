"""The static site over the exported marts, of all parties; a party's own is built by `meterhouse reports --party`."""

import dagster as dg

from orchestration.dbt import MARTS_OWNER
from orchestration.settings import get_settings
from orchestration.site import SiteFailed, build_site


@dg.asset(
    deps=["exported_month", "exported_reference"],
    group_name="dashboards",
    kinds={"evidence", "parquet"},
    owners=[MARTS_OWNER],
    tags={"layer": "dashboards"},
)
def reports_site(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Pages for analysts and finance: budgets, accounts, invoices, margin, usage, data health. Reads exports only."""
    try:
        site = build_site(get_settings(), tell=context.log.info)
    except SiteFailed as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(str(site.folder)),
            "tables": len(site.rows),
            "rows": sum(site.rows.values()),
        }
    )
