"""What the edge servers' agents measured, and in which files it arrives. Forms are `edge_files.py`.

http_requests, net_bytes_sent   counters, every hour, all servers; some restart, one is down for a while
cpu_seconds                     counter with decimals, every hour, CPU_HOSTS
mem_used_bytes                  gauge, every 5 minutes, MEMORY_HOSTS (the first days of a month), with a gap
disk_used_bytes                 gauge, every 15 minutes, DISK_HOSTS
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from samples.edge_files import Metric, deliver, line_protocol, sqlite_file, telegraf_json
from samples.world import SERVERS, Server, bounds, dice

CPU_HOSTS = {"edge-02", "edge-10", "edge-16"}
MEMORY_HOSTS = {"edge-08", "edge-09"}
MEMORY_DAYS = 6
DISK_HOSTS = {"edge-01", "edge-12", "edge-13", "edge-19"}

DUPLICATED = "edge-03"  # its first file of January arrives again under another name
OVERLAPPING = "edge-09"  # three days of February arrive in two files
LATE = "edge-05"  # three days of January arrive in a file dated February
LATE_SPAN = (datetime(2026, 1, 20, tzinfo=UTC), datetime(2026, 1, 23, tzinfo=UTC))
DOWN = "edge-11"  # agent down, server running: the counters go on
DOWN_SPAN = (datetime(2026, 1, 12, 6, tzinfo=UTC), datetime(2026, 1, 12, 14, tzinfo=UTC))
MEMORY_GAP = (datetime(2026, 2, 3, 9, tzinfo=UTC), datetime(2026, 2, 3, 11, 30, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class EdgeFile:
    host: str
    name: str
    metrics: list[Metric]
    received_at: datetime


def measured(seed: int, server: Server, periods: Iterable[str]) -> list[Metric]:
    """Everything one server's agent measured in the months, in time order. Counters run on over months."""
    dialled = dice(seed, "edge", server.host)
    requests, sent, seconds = dialled.randint(10**6, 10**7), dialled.randint(10**10, 10**11), Decimal("812345.67")
    metrics: list[Metric] = []
    for period in sorted(periods):
        start, end = bounds(period)
        hours = int((end - start).total_seconds()) // 3600
        restarts = {dialled.randrange(24, hours) for _ in range(dialled.choice((0, 1, 1, 2)))}
        for hour in range(hours):
            at = start + timedelta(hours=hour)
            if hour in restarts:
                requests, sent, seconds = 0, 0, Decimal(0)
            requests += dialled.randint(12000, 90000)
            sent += dialled.randint(200_000_000, 1_500_000_000)
            metrics.append(Metric(at, "http", {"requests": requests}))
            metrics.append(Metric(at, "net", {"bytes_sent": sent}, {"interface": "eth0"}))
            if server.host in CPU_HOSTS:
                seconds += Decimal(dialled.randint(20000, 340000)) / 100
                metrics.append(Metric(at, "cpu", {"seconds": seconds}, {"cpu": "cpu-total"}))
        if server.host in DISK_HOSTS:
            for quarter in range(hours * 4):
                used = 180_000_000_000 + quarter * 1_000_003 + dialled.randint(0, 2_000_000_000)
                metrics.append(Metric(start + timedelta(minutes=15 * quarter), "disk", {"used_bytes": used}))
        if server.host in MEMORY_HOSTS:
            for step in range(MEMORY_DAYS * 288):
                at = start + timedelta(minutes=5 * step)
                if not MEMORY_GAP[0] <= at < MEMORY_GAP[1]:
                    metrics.append(Metric(at, "mem", {"used_bytes": dialled.randint(3 * 10**9, 16 * 10**9)}))
    if server.host == DOWN:
        metrics = [metric for metric in metrics if not DOWN_SPAN[0] <= metric.at < DOWN_SPAN[1]]
    return sorted(metrics, key=lambda metric: (metric.at, metric.name))


def files_of(seed: int, server: Server, periods: Iterable[str]) -> list[EdgeFile]:
    """The files in which a server's samples arrive: by month, JSON by half month, and the story's odd ones."""
    ending = {"json": "json.gz", "influx": "influx.gz", "sqlite": "sqlite"}[server.form]
    metrics = measured(seed, server, periods)
    late: list[Metric] = []
    if server.host == LATE:
        late = [metric for metric in metrics if LATE_SPAN[0] <= metric.at < LATE_SPAN[1]]
        metrics = [metric for metric in metrics if not LATE_SPAN[0] <= metric.at < LATE_SPAN[1]]
    files = []
    for period in sorted(periods):
        start, end = bounds(period)
        middle = start + timedelta(days=15)
        spans = [(start, middle), (middle, end)] if server.form == "json" else [(start, end)]
        for begin, finish in spans:
            part = [metric for metric in metrics if begin <= metric.at < finish]
            files.append(
                EdgeFile(server.host, f"{server.host}-{begin:%Y%m%d}.{ending}", part, finish + timedelta(hours=2))
            )
        if server.host == OVERLAPPING and period == "2026-02":
            again = [metric for metric in metrics if start <= metric.at < start + timedelta(days=3)]
            files.append(
                EdgeFile(server.host, f"{server.host}-20260204-retry.{ending}", again, end + timedelta(hours=3))
            )
    if server.host == DUPLICATED and "2026-01" in periods:
        first = files[0]
        files.append(
            EdgeFile(server.host, f"retry-{first.name}", first.metrics, first.received_at + timedelta(hours=1))
        )
    if late:
        received_at = datetime(2026, 2, 3, 7, tzinfo=UTC)
        files.append(EdgeFile(server.host, f"{server.host}-20260203-late.{ending}", late, received_at))
    return files


def write_edge(inbox: Path, seed: int, periods: Iterable[str]) -> list[EdgeFile]:
    """Writes every server's files. Returns what is in them."""
    written = []
    for server in SERVERS:
        for position, file in enumerate(files_of(seed, server, list(periods))):
            match server.form:
                case "json":
                    # Telegraf writes one object a line; its batch form is valid too and some hosts are set to it.
                    content = telegraf_json(
                        file.host, file.metrics, batch=server.host == "edge-07" and position % 2 == 1
                    )
                case "influx":
                    content = line_protocol(file.host, file.metrics)
                case _:
                    content = sqlite_file(file.host, file.metrics)
            deliver(inbox, file.host, file.name, content, file.received_at)
            written.append(file)
    return written
