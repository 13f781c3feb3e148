"""Closes the bench's month twice in one process, each in a fresh home over one lake, and says what the second took.

`python -m tests.bench.warm HOME_A HOME_B`, inbox, lake and clock by the environment. The second finds everything
imported, dbt's project parsed and Dagster's definitions loaded, as in a daemon's process. Prints
{"wall": s, "cpu": s, "dbt": s, "dagster": s} as JSON; dbt is the seconds of its invocations, dagster those of its
runs that are neither dbt's nor of steps that compute something themselves (exports, gates, what is sane, the lake).
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from pathlib import Path

from tests.bench.month import PERIOD

DBT_FINISHED = re.compile(r"Finished running .* \(([\d.]+)s\)")


def main() -> None:
    from orchestration.run import run
    from orchestration.settings import override

    for home in sys.argv[1:]:
        settings = override(home)
        wall, cpu = time.perf_counter(), sum(os.times()[:4])
        report = run(settings, [PERIOD])
        assert report.exit_code == 0, report
        wall, cpu = time.perf_counter() - wall, sum(os.times()[:4]) - cpu
    log = (Path(home) / "logs" / "run.log").read_text("utf-8")
    dbt = sum(map(float, DBT_FINISHED.findall(log)))
    print(json.dumps({"wall": wall, "cpu": cpu, "dbt": dbt, "dagster": around_steps(settings.dagster_home) - dbt}))


def around_steps(dagster_home: Path) -> float:
    """Seconds of the home's runs outside the steps that compute something themselves: dbt's two are inside."""
    import dagster as dg

    with dg.DagsterInstance.from_config(str(dagster_home)) as instance:
        runs = instance.get_run_records()
        steps = [step for run in runs for step in instance.get_run_step_stats(run.dagster_run.run_id)]
    computing = [step for step in steps if step.step_key not in ("monthly_models", "reference_models")]
    assert len(computing) + 2 == len(steps), [step.step_key for step in steps]
    return sum(run.end_time - run.start_time for run in runs) - sum(s.end_time - s.start_time for s in computing)


if __name__ == "__main__":
    main()
