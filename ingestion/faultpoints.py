"""Named points at which a test may kill the process: `METERHOUSE_FAULT=<stage>:<n>` dies at the n-th arrival (from 1).

Outside tests the variable is unset and a point costs one dictionary look-up.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

_arrivals: Counter[str] = Counter()


def reached(stage: str) -> None:
    """Dies by SIGKILL if this is the arrival at `stage` that METERHOUSE_FAULT names."""
    wanted = os.environ.get("METERHOUSE_FAULT")
    if not wanted:
        return
    _arrivals[stage] += 1
    if wanted == f"{stage}:{_arrivals[stage]}":
        os.kill(os.getpid(), signal.SIGKILL)
