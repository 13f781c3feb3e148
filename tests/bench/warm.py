"""Closes the bench's month twice in one process, each in a fresh home over one lake, and says what the second took.

`python -m tests.bench.warm HOME_A HOME_B`, inbox, lake and clock by the environment. The second finds everything
imported, dbt's project parsed and Dagster's definitions loaded, as in a daemon's process. Prints
{"wall": s, "cpu": s, "dbt": s} as JSON; dbt is the seconds of its invocations.
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
    print(json.dumps({"wall": wall, "cpu": cpu, "dbt": dbt}))


if __name__ == "__main__":
    main()
