"""All computation of money, as dbt has it: one invocation for what has no month, one for each month.

dbt's tests become asset checks, blocking where their severity is error. Unit tests belong to `make test`.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets

from ingestion.faultpoints import reached
from orchestration import period_state, warehouse
from orchestration.dbt import WITH_MONTH, Translator, forget_old_invocations, project
from orchestration.locks import locked
from orchestration.partitions import MONTHS, ONE_RUN_A_MONTH
from orchestration.settings import get_settings, hand_to_children

PROJECT = project(get_settings())
TRANSLATOR = Translator()
BUILD = ["build", "--exclude-resource-type", "unit_test"]


def _built(context: dg.AssetExecutionContext, dbt: DbtCliResource, arguments: list[str]) -> Iterator[Any]:
    """Runs dbt alone on the file: none of our own connections may be open while it runs."""
    settings = get_settings()
    hand_to_children(settings)
    with locked(settings, "warehouse"):
        reached("dbt_before")
        for event in dbt.cli([*BUILD, *arguments], context=context).stream():
            reached("dbt_event")
            yield event
        reached("dbt_after")
    forget_old_invocations(settings)


@dbt_assets(
    manifest=PROJECT.manifest_path,
    exclude=WITH_MONTH,
    name="reference_models",
    project=PROJECT,
    dagster_dbt_translator=TRANSLATOR,
    pool=warehouse.POOL,
)
def reference_models(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    # cautious: a test that also reads a monthly model waits for the month's own invocation.
    yield from _built(context, dbt, ["--indirect-selection", "cautious"])


@dbt_assets(
    manifest=PROJECT.manifest_path,
    select=WITH_MONTH,
    name="monthly_models",
    project=PROJECT,
    partitions_def=MONTHS,
    backfill_policy=ONE_RUN_A_MONTH,
    dagster_dbt_translator=TRANSLATOR,
    pool=warehouse.POOL,
)
def monthly_models(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    with warehouse.opened(get_settings()) as connection:
        period_state.record_started(connection, context.partition_key)
    month = context.partition_time_window
    dates = ["--event-time-start", f"{month.start:%Y-%m-%d}", "--event-time-end", f"{month.end:%Y-%m-%d}"]
    yield from _built(context, dbt, dates)
