"""Meters a month as if none of its days had been, dbt warm, and says what the metering models took.

`python -m tests.bench.metering`, home and lake by the environment. Prints {"wall": s, "cpu": s} as JSON.
"""

from __future__ import annotations

import json
import os
import time

from tests.bench.month import PERIOD

MODELS = ["intermediate.metering", "fct_metered_usage"]


def main() -> None:
    import duckdb

    from orchestration import dbt_runner
    from orchestration.settings import get_settings
    from samples.cur_files import period_bounds

    settings = get_settings()
    manifest = dbt_runner.parse(settings, "bench")
    start, end = period_bounds(PERIOD)
    words = ["run", "--select", *MODELS, "--event-time-start", f"{start}", "--event-time-end", f"{end}"]
    with duckdb.connect(str(settings.warehouse_path)) as warehouse:  # days that stand are not metered again
        warehouse.execute("delete from intermediate.int_metering__samples_grouped")
    wall, cpu = time.perf_counter(), sum(os.times()[:2])
    dbt_runner.run(settings, manifest, words, settings.root / "logs" / "metering").raise_on_failure()
    print(json.dumps({"wall": time.perf_counter() - wall, "cpu": sum(os.times()[:2]) - cpu}))


if __name__ == "__main__":
    main()
