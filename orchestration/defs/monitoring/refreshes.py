"""Jobs and what starts them: a daily refresh of the open months, and a sensor for complete deliveries."""

from collections.abc import Iterator

import dagster as dg

from orchestration.defs.inbound.aws_cur import aws_cur
from orchestration.defs.inbound.cloudevents import cloudevents
from orchestration.defs.inbound.edge import edge
from orchestration.defs.inbound.focus import focus
from orchestration.defs.inbound.wso2 import wso2
from orchestration.defs.invoicing.asked_gates import asked_gates
from orchestration.defs.invoicing.draft_invoices import invoices
from orchestration.defs.invoicing.exported_marts import exported_lines, exported_month
from orchestration.defs.models.dbt_models import monthly_models, reference_models
from orchestration.defs.models.lake_exposed import lake_month
from orchestration.deliveries_seen import complete_deliveries, listing_digest
from orchestration.partitions import MONTHS
from orchestration.periods import open_periods
from orchestration.settings import get_settings

SETTINGS = get_settings()
RUNNING = SETTINGS.env != "dev"  # on a developer's machine both wait to be switched on

monthly = dg.AssetSelection.assets(
    aws_cur,
    cloudevents,
    edge,
    focus,
    wso2,
    lake_month,
    monthly_models,
    invoices,
    asked_gates,
    exported_lines,
    exported_month,
)
closing = dg.AssetSelection.assets("close_gates", "issued_invoices")  # a job of their own, never a refresh
forecasting = dg.AssetSelection.groups("forecasts")  # a job of their own too: no month waits for a forecast
dashboards = dg.AssetSelection.groups("dashboards")  # read exports only and need node: a job of their own, too
apart = closing | forecasting | dashboards
reference = dg.AssetSelection.all() - monthly - apart

reference_data = dg.define_asset_job(
    "reference_data", reference, description="Catalog and every model without a month. Runs before the first month."
)
# Where they stand (`period_state.reference_stands`), deliveries and ledger are shown and exported all the same.
reference_shown = dg.define_asset_job(
    "reference_shown",
    reference - dg.AssetSelection.assets(reference_models),
    description="Catalog and exports of what has no month, where its models stand.",
)
month = dg.define_asset_job(
    "month", monthly, partitions_def=MONTHS, description="One month: deliveries to draft invoices and exports."
)
# Without landing: what a ledger entry or a lost warehouse asks for.
reference_data_from_lake = dg.define_asset_job(
    "reference_data_from_lake",
    reference - dg.AssetSelection.groups("inbound"),
    description="Every model without a month, from what the lake has.",
)
reference_shown_from_lake = dg.define_asset_job(
    "reference_shown_from_lake",
    reference - dg.AssetSelection.assets(reference_models) - dg.AssetSelection.groups("inbound"),
    description="Exports of what has no month, where its models stand, from what the lake has.",
)
month_from_lake = dg.define_asset_job(
    "month_from_lake",
    monthly - dg.AssetSelection.groups("inbound"),
    partitions_def=MONTHS,
    description="One month from what the lake and its ledger have: after an issue, and when the warehouse is rebuilt.",
)
whole_month = dg.define_asset_job(
    "whole_month",
    dg.AssetSelection.all() - apart,
    partitions_def=MONTHS,
    description="Reference data and one month in one run: what the schedule and the sensor start.",
)
site = dg.define_asset_job("site", dashboards, description="The site over the exported marts, of all parties.")
forecast = dg.define_asset_job(
    "forecast", forecasting, description="Forecasts of daily spend as of now, and notices of what budgets have crossed."
)


@dg.schedule(
    job=forecast,
    cron_schedule="15 7 * * *",  # two hours after the refresh of the open months
    default_status=dg.DefaultScheduleStatus.RUNNING if RUNNING else dg.DefaultScheduleStatus.STOPPED,
)
def daily_forecast(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Once a day, from what the refresh of the open months has brought."""
    return dg.RunRequest(run_key=f"{context.scheduled_execution_time:%Y-%m-%d}")


@dg.schedule(
    job=whole_month,
    cron_schedule="15 5 * * *",  # AWS delivers its daily bill in the night, UTC
    default_status=dg.DefaultScheduleStatus.RUNNING if RUNNING else dg.DefaultScheduleStatus.STOPPED,
)
def daily_refresh_of_open_months(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """The running month and the one before it, whose bill AWS still corrects."""
    settings = get_settings()
    day = (settings.now or context.scheduled_execution_time).date()
    for period in open_periods(settings.first_period, day, settings.open_months):
        yield dg.RunRequest(run_key=f"{period}:{context.scheduled_execution_time:%Y-%m-%d}", partition_key=period)


@dg.sensor(
    job=whole_month,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING if RUNNING else dg.DefaultSensorStatus.STOPPED,
)
def complete_delivery(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Starts a month when a delivery of it is complete. The cursor is the inbox's listing, the run key its content."""
    settings = get_settings()
    digest = listing_digest(settings.inbox_uri)
    if digest == context.cursor:
        return dg.SkipReason("the inbox is as it was")
    found = complete_deliveries(settings)
    known = set(MONTHS.get_partition_keys())
    requests = [
        dg.RunRequest(run_key=f"{period}:{content}", partition_key=period)
        for period, content in sorted(found.items())
        if period in known
    ]
    return dg.SensorResult(run_requests=requests, cursor=digest)
