"""The Dagster job `issue` in this process, as the launchpad starts it: `issue_job <month> <run config as JSON>`."""

from __future__ import annotations

import json
import sys

import dagster as dg

from orchestration.home import prepare_home
from orchestration.settings import get_settings


def main() -> None:
    from orchestration.definitions import defs

    settings = get_settings()
    prepare_home(settings)
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        result = (
            defs()
            .resolve_job_def("issue")
            .execute_in_process(
                instance=instance, partition_key=sys.argv[1], run_config=json.loads(sys.argv[2]), raise_on_error=False
            )
        )
    made = [event.asset_key.to_user_string() for event in result.all_events if event.is_step_materialization]
    print(json.dumps({"success": result.success, "made": made}))
