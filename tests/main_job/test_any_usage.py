"""Usage and fees of every kind through the inbox: readings of every format, and what is easily lost."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.main_job.conftest import MainJob
from tests.worlds.builder import World

COUNTER = {"sample_type": "counter", "aggregation": "sum"}
EVENT = {"sample_type": "event", "aggregation": "sum"}
PEAK = {"sample_type": "gauge", "aggregation": "max"}
DYNAMIC = {"charge_model": "dynamic", "multiplier": "1.5"}
IN_ADVANCE = {"charge_type": "recurring", "charge_model": "flat", "timing": "in_advance"}
# Customer -> terms of its charge, its prices, its meter, what it sent, its subscription, and what January's invoice is.
CASES: dict[str, tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any], list[Any], dict[str, Any], str]] = {
    # 50, a restart that adds 30; 10 more at 18:31 UTC are February in Kolkata. The second is a repetition.
    "counter": (
        {}, [{"unit_price": 1}], COUNTER,
        [("02", 100), ("10", "150"), ("10", "150"), ("20", 30), ("31T18:31:00Z", 40)], {}, "80.00",
    ),
    # Each region counts by itself, whatever else data says.
    "regions": (
        {}, [{"unit_price": 2, "dimension_value": "eu"}, {"unit_price": 3}], COUNTER | {"dimension": "region"},
        [("02", 0, {"region": "eu", "n": 1}), ("03", 10, {"region": "eu", "n": 2}),
         ("02", 7, {"region": "us", "n": 3}), ("03", 107, {"region": "us", "n": 4})], {}, "320.00",
    ),
    "peak": ({}, [{"unit_price": 1}], PEAK, [("02", 5), ("03", 7)], {}, "7.00"),
    # The event carries its amount and nothing else, and the charge has no row of prices.
    "dynamic": (DYNAMIC, [], EVENT, [("02", None, {"amount": "10.10"})], {}, "15.15"),
    # January's fee was due in December, which nobody made; February's is due now.
    "older": (IN_ADVANCE, [{"unit_price": 10}], {}, [], {"start_date": "2025-06-01"}, "20.00"),
    "seats": (
        {"charge_type": "recurring", "charge_model": "stairstep"},
        [{"upper": 10, "flat_fee": 100}, {"tier": 2, "lower": 10, "flat_fee": 180}], {}, [], {"quantity": 12}, "180.00",
    ),
    "boxes": (
        {"charge_type": "recurring", "charge_model": "package"}, [{"unit_price": 7, "package_size": 5}], {}, [],
        {"quantity": 12}, "21.00",
    ),
    # February in Kolkata: January neither bills nor misses it.
    "turned": ({}, [{"unit_price": 1}], COUNTER, [("31T18:31:00Z", 1), ("31T18:40:00Z", 5)], {}, ""),
    "counted": ({}, [{"unit_price": 1}], EVENT | {"aggregation": "count"}, [("31T18:31:00Z", None)], {}, ""),
    # What an exposition and Vector's metrics bring, of hosts of these names.
    "scraped": ({}, [{"unit_price": 1}], COUNTER, [], {}, "25.00"),
    "piped": ({}, [{"unit_price": 1}], COUNTER, [], {}, "9.00"),
    "silent": ({}, [{"unit_price": 1}], EVENT, [("02", None, {"amount": 10}), ("03", 3)], {}, "3.00"),
    "texts": ({}, [{"unit_price": 1}], COUNTER, [("02", "full"), ("03", "half")], {}, ""),
}  # fmt: skip


def deliver(world: World) -> None:
    tables: dict[str, list[dict[str, Any]]] = {
        "parties": [{"party_id": "house", "role": "reseller", "time_zone": "Asia/Kolkata"}],
        "agreements": [], "resource_owners": [], "plans": [], "meters": [], "plan_charges": [], "charge_prices": [],
        "subscriptions": [],
    }  # fmt: skip
    events = []
    for name, (terms, prices, meter, sent, subscription, _) in CASES.items():
        tables["parties"].append({"party_id": name})
        tables["agreements"].append({"seller_id": "house", "buyer_id": name})
        tables["resource_owners"].append({"resource_kind": "thing", "resource_id": name, "party_id": name})
        tables["plans"].append({"plan_id": name})
        if meter:
            tables["meters"].append({"meter_id": name, "resource_kind": "thing", "series": name} | meter)
        tables["plan_charges"].append({"charge_id": name, "plan_id": name, "meter_id": name if meter else None} | terms)
        tables["charge_prices"] += [{"charge_id": name, "tier": 1, "lower": 0} | price for price in prices]
        tables["subscriptions"].append(
            {"subscription_id": name, "seller_id": "house", "buyer_id": name, "plan_id": name} | subscription
        )
        for number, (day, value, *data) in enumerate(sent):
            events.append(
                {
                    "id": f"{name}-{number}",
                    "type": name,
                    "subject": f"thing:{name}",
                    "time": f"2026-01-{day}" if "T" in day else f"2026-01-{day}T00:00:00Z",
                    "data": ({} if value is None else {"value": value}) | (data[0] if data else {}),
                }
            )
    world.catalog("2026-01-01", **tables).cloudevents("agent", events)
    world.file("edge/openmetrics/scraped/1.prom", "scraped 5 1767571200\nscraped 30 1767571260\n# EOF\n")
    piped = [
        {"name": "piped", "timestamp": f"2026-01-05T00:0{minute}:00Z", "kind": "absolute", "counter": {"value": value}}
        for minute, value in ((0, 1), (1, 10))
    ]
    world.file("edge/vector/piped/1.ndjson", "".join(f"{json.dumps(metric)}\n" for metric in piped))


@pytest.mark.slow
def test_whatever_comes_is_charged_or_listed(tmp_path: Path, main_job: MainJob) -> None:
    """Faults 36, 47, 57. Fails when a counter or gauge sent as events, an event that carries an amount alone, a
    recurring tier, or a fee due before the first month made is lost, or an event without a number is a zero unseen."""
    world = World(tmp_path)
    deliver(world)
    marts = main_job(world.inbox, ["2026-01"], now="2026-02-10T00:00:00Z")
    expected = {name: Decimal(case[-1]) for name, case in CASES.items() if case[-1]}
    assert dict(marts.execute("select buyer_id, net_amount from fct_invoices").fetchall()) == expected
    unrated = marts.execute(
        "select buyer_id, reason, quantity, holds_close from fct_unrated_usage order by all"
    ).fetchall()
    assert unrated == [("silent", "no_value", 1, True), ("texts", "no_value", 2, True)]
    assert marts.execute("select count(*) from quarantine").fetchone() == (0,)
    (line,) = marts.execute("select line_id from fct_invoice_lines where buyer_id = 'counter'").fetchone()
    marts.close()
    command = [sys.executable, "-m", "orchestration.cli", "explain", line, "--home", str(tmp_path / "home"), "--json"]
    explained = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "usage/cloudevents/agent/events.ndjson.gz" in json.dumps(json.loads(explained))
