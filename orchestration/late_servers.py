"""Edge servers that have not transmitted for ten minutes -> notices, each silence told once, and gauges for Prometheus.

Judged by when their files came into the inbox, landed or not: what a month makes of them is another matter. What their
clocks say does not count, and neither does Dagster's last materialisation.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from ingestion.deliveries import Terms
from ingestion.lake import Lake
from ingestion.sources import edge
from ingestion.storage import open_storage
from invoicing.delivery import FolderNotifier, Notice, tell
from orchestration.settings import Settings

LATE_AFTER = timedelta(minutes=10)  # fault 46
NEWS_FOR = timedelta(days=31)  # a server silent for longer belongs to a history that was loaded, or is gone
GAUGE = "meterhouse_edge_last_received_timestamp_seconds"

LastHeard = Mapping[str, datetime | None]  # server -> when its last file came; None: expected, never heard


def last_heard(settings: Settings) -> LastHeard:
    """Of every server that ever transmitted, and of those `expected_sources` names (source `edge`)."""
    expected = Lake(open_storage(settings.lake_uri)).rows_of("expected_sources", columns=["source", "account"])
    named = [] if expected is None else [account for source, account in expected.iter_rows() if source == edge.FEED]
    heard: dict[str, datetime | None] = dict.fromkeys(name for name in named if name)
    for found in edge.find(open_storage(settings.inbox_uri), None, Terms()):
        if found.status in ("complete", "held"):
            came = max(datetime.fromisoformat(file.modified_at) for file in found.files)
            came = came if came.tzinfo else came.replace(tzinfo=UTC)
            heard[found.account] = max(came, heard.get(found.account) or came)
    return dict(sorted(heard.items()))


def late(heard: LastHeard, now: datetime) -> dict[str, datetime | None]:
    """Those of which nothing came for more than LATE_AFTER, or ever."""
    return {server: came for server, came in heard.items() if came is None or now - came > LATE_AFTER}


def notices_of(heard: LastHeard, now: datetime) -> list[Notice]:
    """One notice for each silence, whenever looked at; another once the server was heard and is silent again."""
    return [
        Notice(
            kind="late_server",
            about=(server, came.isoformat() if came else "never"),
            recipient="operations",
            subject=f"Server {server} has not transmitted since {came:%Y-%m-%d %H:%M:%S} UTC"
            if came
            else f"Server {server} is expected and has never transmitted",
            facts={
                "server": server,
                "last_received_at": came.isoformat() if came else None,
                "told_at": now.isoformat(),
            },
        )
        for server, came in late(heard, now).items()
        if came is None or now - came <= NEWS_FOR
    ]


def exposition(heard: LastHeard) -> str:
    """Prometheus' text format, for a textfile collector: a gauge per server, 0 where nothing ever came."""
    lines = [f"# HELP {GAUGE} When the last file of an edge server came.", f"# TYPE {GAUGE} gauge"]
    for server, came in heard.items():
        label = server.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
        lines.append(f'{GAUGE}{{server="{label}"}} {came.timestamp() if came else 0:.0f}')
    return "\n".join(lines) + "\n"


def told(settings: Settings) -> list[str]:
    """Writes `<home>/metrics/edge.prom`, tells every silence not told yet into `<home>/notices`; returns their keys."""
    heard = last_heard(settings)
    open_storage(settings.root / "metrics").write("edge.prom", exposition(heard).encode())
    outbox = open_storage(settings.root / "outbox" / "notices")
    return tell(notices_of(heard, settings.clock), outbox, FolderNotifier(open_storage(settings.root / "notices")))
