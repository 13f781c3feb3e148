"""How often Python looks for garbage in cycles. What a run holds, dbt's parsed project above all, stays to its end."""

from __future__ import annotations

import atexit
import gc


def collect_rarely() -> None:
    """Looks every 50,000 new objects, not 700, and not at all on the way out: 700,000 objects looked through a dozen
    times were 4 of a month's 36 CPU-s, and once more at the end 2 seconds. The peak of three months stays the same."""
    gc.set_threshold(50_000, 20, 100)
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)
