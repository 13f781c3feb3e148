"""Lateness of edge servers under a clock of the test's own: who is late, who is told of it and how often."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml

from ingestion.lake import Lake
from ingestion.landing import land
from ingestion.storage import open_storage
from orchestration.late_servers import GAUGE, LATE_AFTER, exposition, last_heard, late, notices_of
from orchestration.settings import get_settings
from tests.worlds.builder import World

RULES = Path(__file__).parents[2] / "docs" / "edge.rules.yml"
NOON = datetime(2026, 2, 3, 12, tzinfo=UTC)


def transmit(world: World, server: str, at: datetime) -> None:
    """A file of the server's, with samples of long ago: when it came is what counts."""
    world.counter(server, "net_bytes", {"2026-01-01T00:00:00": 1}, name=f"{at:%H%M%S}.json.gz")
    os.utime(world.written[-1], (at.timestamp(), at.timestamp()))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(tmp_path / "world")
    monkeypatch.setenv("METERHOUSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("METERHOUSE_INBOX", str(world.inbox))
    return world


def told_at(now: datetime, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Subjects of the notices that one tick of the sensor carries out."""
    from orchestration.defs.monitoring.late_servers import late_server

    monkeypatch.setenv("METERHOUSE_NOW", now.isoformat())
    get_settings.cache_clear() if hasattr(get_settings, "cache_clear") else None
    notices = get_settings().root / "notices"
    before = set(notices.glob("*.json"))
    with dg.DagsterInstance.ephemeral() as instance:
        late_server(dg.build_sensor_context(instance=instance))
    return sorted(json.loads(path.read_text())["subject"] for path in set(notices.glob("*.json")) - before)


def test_a_silence_of_more_than_ten_minutes_is_told_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 46. Fails when a late server is not told, one in time is, or a silence is told at every tick."""
    transmit(world, "edge-01", NOON)
    transmit(world, "edge-02", NOON)
    transmit(world, "edge-02", NOON + timedelta(minutes=6))
    transmit(world, "edge-history", NOON - timedelta(days=400))
    assert told_at(NOON + timedelta(minutes=10), monkeypatch) == []
    first = "Server edge-01 has not transmitted since 2026-02-03 12:00:00 UTC"
    assert told_at(NOON + timedelta(minutes=10, seconds=1), monkeypatch) == [first]
    assert told_at(NOON + timedelta(minutes=16), monkeypatch) == []
    transmit(world, "edge-01", NOON + timedelta(minutes=16))
    second = "Server edge-02 has not transmitted since 2026-02-03 12:06:00 UTC"
    assert told_at(NOON + timedelta(minutes=17), monkeypatch) == [second]
    third = "Server edge-01 has not transmitted since 2026-02-03 12:16:00 UTC"
    assert told_at(NOON + timedelta(hours=1), monkeypatch) == [third]


def test_a_server_that_is_expected_and_never_came_is_late(world: World) -> None:
    """Fault 46. Fails when only servers that were heard before can be missed."""
    world.catalog(
        parties=[{"party_id": "acme", "role": "reseller"}],
        expected_sources=[{"source": "edge", "account": "edge-09", "seller_id": "acme", "grace_days": "2"}],
    )
    settings = get_settings()
    land("catalog", open_storage(world.inbox), Lake(open_storage(settings.lake_uri)))
    heard = last_heard(settings)
    assert heard == {"edge-09": None}
    (notice,) = notices_of(heard, NOON)
    assert notice.subject == "Server edge-09 is expected and has never transmitted"


def test_the_alert_rule_asks_the_gauge_that_is_written(world: World) -> None:
    """Fault 46. Fails when rule and gauge drift apart: name, unit or limit, for servers of any name."""
    heard = {'edge "1"\\': NOON, "edge-09": None}
    gauges = dict(re.findall(rf'^{GAUGE}\{{server="(.*)"\}} (\d+)$', exposition(heard), re.MULTILINE))
    assert gauges == {r"edge \"1\"\\": f"{NOON.timestamp():.0f}", "edge-09": "0"}
    (rule,) = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    limit = re.fullmatch(rf"time\(\) - {GAUGE} > (\d+)", rule["expr"])
    assert limit and timedelta(seconds=int(limit[1])) == LATE_AFTER
    for seconds in (600, 601):
        now = NOON + timedelta(seconds=seconds)
        by_rule = {name for name, value in gauges.items() if now.timestamp() - int(value) > int(limit[1])}
        assert len(by_rule) == len(late(heard, now))
