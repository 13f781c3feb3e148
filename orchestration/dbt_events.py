"""dbt's events, of which those that nobody reads are not told: a month has 6,000, of which its logs keep 900.

dbt makes a message of each event and a line for each log, and only then asks whether the log wants it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.event_manager import EventManager
from dbt_common.events.event_manager_client import ctx_set_event_manager, get_event_manager

LEVELS = list(EventLevel)  # from the least urgent up


class Told(EventManager):
    """Tells its loggers what they keep, and its callbacks the same, but at least what is for users (info and above)."""

    def fire_event(
        self,
        e: BaseEvent,
        level: EventLevel | None = None,
        node: Any = None,
        force_warn_or_error_handling: bool = False,
    ) -> None:
        kept = min([EventLevel.INFO, *(logger.level for logger in self.loggers)], key=LEVELS.index)
        if force_warn_or_error_handling or LEVELS.index(level or e.level_tag()) >= LEVELS.index(kept):
            super().fire_event(e, level, node, force_warn_or_error_handling)


@contextmanager
def told() -> Iterator[None]:
    """What dbt does meanwhile is told so."""
    former = get_event_manager()
    ctx_set_event_manager(Told())
    try:
        yield
    finally:
        ctx_set_event_manager(former)
