"""All computation of money, as dbt has it: one invocation for what has no month, one for each month.

dbt's tests become asset checks, blocking where their severity is error. Unit tests belong to `make test`.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import dagster as dg
from dagster_dbt import dbt_assets

from orchestration import period_state, standing_models, warehouse
from orchestration.dbt import WITH_MONTH, Translator, built, project
from orchestration.left_standing import LEFT_TAG, Monthly, StandsNoMore
from orchestration.partitions import MONTHS, ONE_RUN_A_MONTH
from orchestration.settings import get_settings

PROJECT = project(get_settings())
TRANSLATOR = Translator()


@dbt_assets(
    manifest=PROJECT.manifest_path,
    exclude=WITH_MONTH,
    name="reference_models",
    project=PROJECT,
    dagster_dbt_translator=TRANSLATOR,
    pool=warehouse.POOL,
)
def reference_models(context: dg.AssetExecutionContext) -> Iterator[Any]:
    with warehouse.opened(get_settings()) as connection:
        period_state.record_started(connection, period_state.REFERENCE)
    # cautious: a test that also reads a monthly model waits for the month's own invocation.
    yield from built(context, get_settings(), ["--indirect-selection", "cautious"])
    if not context.is_subset:
        with warehouse.opened(get_settings()) as connection:
            period_state.record_done(connection, period_state.REFERENCE)


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
def monthly_models(context: dg.AssetExecutionContext) -> Iterator[Any]:
    period = context.partition_key
    with warehouse.opened(get_settings()) as connection:
        period_state.record_started(connection, period)
        stands = period_state.relations_stand(connection)
        if not stands:
            period_state.forget_relations(connection)  # a run that dies amid other views leaves those of two codes
        before = standing_models.made_from(connection, period)
        shown = standing_models.shown_to(connection, period)
        now = standing_models.to_be_made(connection, period, shown)
        standing_models.forget_made(connection, period)
    left = Monthly(monthly_models).nodes_left(context.selected_asset_keys, before, now)
    if left is None and LEFT_TAG in context.run_tags:
        raise StandsNoMore(f"{period} was to be made in part, and the rest has changed meanwhile: it is made whole")
    if left:
        context.log.info(f"{len(left)} models and checks stand: what they read is as it was when they were last made")
    month = context.partition_time_window
    dates = ["--event-time-start", f"{month.start:%Y-%m-%d}", "--event-time-end", f"{month.end:%Y-%m-%d}"]
    warned = yield from built(context, get_settings(), dates, left if stands else None)
    if left is None:
        return
    with warehouse.opened(get_settings()) as connection:
        standing_models.record_made(connection, period, replace(now, unpassed=warned))
        if not stands:
            period_state.record_relations(connection)
