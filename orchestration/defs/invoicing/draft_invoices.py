"""The month's draft invoices, to look at in the UI; issuing them is another job's."""

import dagster as dg

from orchestration import tables, warehouse
from orchestration.dbt import MARTS_OWNER, mart_key
from orchestration.partitions import MONTHS, ONE_RUN_A_MONTH
from orchestration.periods import month_of
from orchestration.settings import get_settings

COLUMNS = ["seller_id", "buyer_id", "document_type", "status", "net_amount", "tax_amount", "total_amount", "currency"]


@dg.asset(
    deps=[mart_key("fct_invoices"), mart_key("fct_invoice_lines")],
    partitions_def=MONTHS,
    backfill_policy=ONE_RUN_A_MONTH,
    group_name="invoicing",
    kinds={"python", "duckdb"},
    owners=[MARTS_OWNER],
    pool=warehouse.POOL,
    tags={"layer": "invoicing"},
)
def invoices(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Invoices of the month as a table, and their net total per currency as numbers."""
    with warehouse.opened(get_settings()) as connection:
        found = tables.invoices(connection, [month_of(context.partition_key)])
    totals = {f"net_{code}": float(amount) for code, amount in tables.net_by_currency(found).items()}
    table = dg.MetadataValue.md(tables.markdown(tables.with_digits(found), COLUMNS))
    return dg.MaterializeResult(metadata={"invoices": len(found), "table": table, **totals})
