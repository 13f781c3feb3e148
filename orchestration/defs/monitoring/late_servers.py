"""Every minute: which edge servers are late. It tells and measures, and starts nothing."""

import dagster as dg

from orchestration import late_servers
from orchestration.settings import get_settings


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING
    if get_settings().env != "dev"
    else dg.DefaultSensorStatus.STOPPED,  # on a developer's machine it waits to be switched on
)
def late_server(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """A notice for each server that has not transmitted for ten minutes, and a gauge for each server."""
    carried = late_servers.told(get_settings())
    return dg.SkipReason(f"{len(carried)} new silences told" if carried else "no new silence")
