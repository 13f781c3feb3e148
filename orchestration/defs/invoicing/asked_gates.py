"""What would hold each seller's close, asked of every month as it is made; closing is another job's."""

import dagster as dg

from orchestration import warehouse
from orchestration.dbt import MARTS_OWNER, mart_key, marts
from orchestration.gates_asked import keep_answers
from orchestration.partitions import MONTHS, ONE_RUN_A_MONTH
from orchestration.settings import get_settings
from orchestration.tables import markdown


@dg.asset(
    deps=[mart_key(mart.name) for mart in marts(get_settings()).monthly],
    partitions_def=MONTHS,
    backfill_policy=ONE_RUN_A_MONTH,
    group_name="invoicing",
    kinds={"python"},
    owners=[MARTS_OWNER],
    pool=warehouse.POOL,
    tags={"layer": "invoicing"},
)
def asked_gates(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """What the close gate says of each seller's month, with figures; fct_close_gates shows it."""
    rows = keep_answers(get_settings(), context.partition_key)
    holding = [row for row in rows if not row["passed"] and not row["waived_because"]]
    return dg.MaterializeResult(
        metadata={
            "sellers": len({row["seller_id"] for row in rows}),
            "holding": len(holding),
            "table": dg.MetadataValue.md(markdown(holding, ["seller_id", "gate", "detail"])),
        }
    )
