"""The close as a job, what shows it, and the schedule that may start it on its day."""

from collections.abc import Iterator

import dagster as dg

from ingestion.lake import Lake
from ingestion.storage import open_storage
from orchestration.defs.invoicing.issued_invoices import close_gates, issued_invoices
from orchestration.defs.monitoring.refreshes import month_from_lake
from orchestration.gates_asked import sellers
from orchestration.partitions import MONTHS
from orchestration.periods import months_after, period_of
from orchestration.settings import get_settings

issue = dg.define_asset_job(
    "issue",
    dg.AssetSelection.assets(close_gates, issued_invoices),
    partitions_def=MONTHS,
    description="Closes a seller's month: gate, then ledger. Name the seller in the launchpad; dry_run writes nothing.",
)


@dg.schedule(
    job=issue,
    cron_schedule="0 6 10 * *",
    default_status=dg.DefaultScheduleStatus.STOPPED,  # issuing is a person's decision: so is switching this on
)
def monthly_close(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """On the 10th, the month before, for every seller. A gate that says no leaves the month open."""
    now = get_settings().now or context.scheduled_execution_time
    period = period_of(months_after(now.date().replace(day=1), -1))
    for seller in sellers(Lake(open_storage(get_settings().lake_uri))):
        yield dg.RunRequest(
            run_key=f"{period}:{seller}",
            partition_key=period,
            run_config={"resources": {"close_request": {"config": {"seller": seller}}}},
            tags={"meterhouse/seller": seller},
        )


@dg.asset_sensor(
    asset_key=issued_invoices.key,
    job=month_from_lake,
    default_status=dg.DefaultSensorStatus.RUNNING,  # it only brings the marts up to the ledger
)
def issued_month_is_shown(context: dg.SensorEvaluationContext, event: dg.EventLogEntry) -> dg.RunRequest:
    """After an issue the month's marts are made anew from the lake, so that they show it as issued."""
    partition = event.asset_materialization.partition if event.asset_materialization else None
    return dg.RunRequest(run_key=context.cursor, partition_key=partition)
