"""API gateway events from their files to fct_api_usage through the main job, beside a second telling of it."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.dbt_project.metering_reference import Chain
from tests.main_job.api_usage_reference import WAYS, Charge, Event, amounts, counts, used
from tests.main_job.conftest import MainJob
from tests.worlds.builder import World, api_event

SEED = 20260131
PERIODS = ["2026-01", "2026-02"]
ALWAYS = (date(1900, 1, 1), date(9999, 12, 31))
HANDOVER = date(2026, 1, 20)
APIS, PROVIDERS, APPLICATIONS = ("maps", "mail", "pay"), ("prov-a", "prov-b"), ("app-1", "app-2", "app-3", "app-lost")
CONSUMERS = ("kim@carbon.super", "lee@carbon.super", "UNKNOWN")
# house sells to the shops and to prov-owner, a shop to its customers; zones end January on other UTC days.
SELLERS = {"shop-east": "house", "shop-west": "house", "prov-owner": "house"}
SELLERS |= {"cust-east": "shop-east", "cust-west": "shop-west"}
ZONES = {"house": "UTC", "shop-east": "Pacific/Kiritimati", "shop-west": "America/New_York"}
CURRENCIES = {"shop-east": "USD", "shop-west": "USD", "prov-owner": "EUR", "cust-east": "JPY", "cust-west": "USD"}
OWNERS = [
    ("api_application:app-1", "cust-east", *ALWAYS),
    ("api_application:app-2", "cust-west", *ALWAYS),
    ("api_application:app-3", "cust-east", date(1900, 1, 1), HANDOVER),
    ("api_application:app-3", "cust-west", HANDOVER, date(9999, 12, 31)),
    ("api_provider:prov-a", "prov-owner", *ALWAYS),
    ("api_provider:prov-b", "shop-west", *ALWAYS),
    ("api_consumer:kim@carbon.super", "cust-west", *ALWAYS),
    ("api_consumer:lee@carbon.super", "cust-east", *ALWAYS),
]
CHAIN = Chain(OWNERS, SELLERS, ZONES)
BELOW = {
    buyer: {buyer} | {name for name, seller in SELLERS.items() if seller == buyer} for buyer in SELLERS
}  # two steps deep
CHARGES = [
    Charge("cust-east", "api_application", False, Decimal("0.7"), "JPY"),
    Charge("cust-west", "api_application", False, Decimal("0.0033"), "USD"),
    Charge("shop-east", "api_application", False, Decimal("0.000000000007"), "USD"),
    Charge("shop-west", "api_provider", True, Decimal("0.13"), "USD"),
    Charge("prov-owner", "api_provider", True, Decimal("1.99"), "EUR"),
    Charge("cust-west", "api_consumer", False, Decimal("0.001"), "USD"),
]


def worked_example(world: World) -> World:
    """Three requests of one application, two consumers, one error: 10.00 for the 3; 0.50 for 2 GB to the provider."""
    return world.wso2(
        "worked",
        [
            api_event("w1", "2026-01-05T10:00:00.000Z", api="w-api", provider="w-prov", application="w-app",
                      consumer="c", bytes=1_500_000_000),
            api_event("w2", "2026-01-05T10:00:01Z", api="w-api", provider="w-prov", application="w-app",
                      consumer="c", bytes=500_000_000),
            api_event("w3", "2026-01-06T10:00:00Z", api="w-api", provider="w-prov", application="w-app",
                      consumer="d", status=429, bytes=-1, eventType="fault", errorType="THROTTLED"),
        ],
    )  # fmt: skip


def catalog(world: World) -> World:
    """The chain above with one plan for each charge, and the parties of the worked example."""
    worked = [
        ("w-app-owner", "api_application", "w-app", Charge("w-app-owner", "api_application", False, Decimal(1), "EUR")),
        (
            "w-prov-owner",
            "api_provider",
            "w-prov",
            Charge("w-prov-owner", "api_provider", True, Decimal("0.25"), "EUR"),
        ),
    ]
    charges = {f"charge-{number}": charge for number, charge in enumerate(CHARGES)}
    charges |= {f"charge-{party}": charge for party, *_, charge in worked}
    sellers = SELLERS | {party: "house" for party, *_ in worked}
    currencies = CURRENCIES | {party: charge.currency for party, *_, charge in worked}
    prices: list[dict[str, Any]] = [
        {"charge_id": name, "tier": 1, "lower": 0, "unit_price": charge.price} for name, charge in charges.items()
    ]
    # Graduated: 2.00 for the first request, 4.00 each of the next.
    prices[-2] |= {"upper": 1, "unit_price": 2}
    prices.append({"charge_id": "charge-w-app-owner", "tier": 2, "lower": 1, "unit_price": 4})
    return world.catalog(
        "2026-01-01",
        parties=[{"party_id": "house", "role": "distributor"}]
        + [{"party_id": party, "role": "reseller" if party in ZONES else "customer"}
           | ({"time_zone": ZONES[party]} if party in ZONES else {}) for party in sellers],
        agreements=[{"seller_id": seller, "buyer_id": buyer, "currency": currencies[buyer]}
                    for buyer, seller in sellers.items()],
        resource_owners=[
            {"resource_kind": name.split(":")[0], "resource_id": name.split(":")[1], "party_id": party,
             "valid_from": None if start == ALWAYS[0] else start, "valid_to": None if end == ALWAYS[1] else end}
            for name, party, start, end in OWNERS
        ] + [{"resource_kind": kind, "resource_id": name, "party_id": party} for party, kind, name, _ in worked],
        meters=[
            {"meter_id": f"{kind}-requests", "resource_kind": kind, "series": "wso2_requests", "sample_type": "event",
             "aggregation": "count"} for kind in WAYS
        ] + [
            {"meter_id": f"{kind}-gigabytes", "resource_kind": kind, "series": "wso2_bytes", "sample_type": "event",
             "aggregation": "sum", "scale": "0.000000001"} for kind in WAYS
        ] + [
            {"meter_id": "maps-errors", "resource_kind": "api_application", "series": "wso2.requests",
             "sample_type": "event", "aggregation": "count", "filter": "api=maps;is_error=true", "dimension": "status"},
            {"meter_id": "consumers", "resource_kind": "api_application", "series": "wso2_consumers",
             "sample_type": "event", "aggregation": "unique_count"},
        ],
        plans=[{"plan_id": f"plan-{name}", "currency": charge.currency} for name, charge in charges.items()],
        plan_charges=[
            {"charge_id": name, "plan_id": f"plan-{name}",
             "meter_id": f"{charge.kind}-{'gigabytes' if charge.per_gigabyte else 'requests'}",
             "charge_model": "graduated" if name == "charge-w-app-owner" else "per_unit"}
            for name, charge in charges.items()
        ],
        charge_prices=prices,
        subscriptions=[
            {"subscription_id": f"sub-{name}", "seller_id": sellers[charge.buyer], "buyer_id": charge.buyer,
             "plan_id": f"plan-{name}", "start_date": "2025-01-01"}
            for name, charge in charges.items()
        ],
        tax_rates=[{"seller_country": "DE", "rate": "0"}],
    )  # fmt: skip


def random_events(dice: random.Random, number: int) -> list[Event]:
    """Many of them within a day of the turn of the month, where zones disagree."""
    events = []
    for index in range(number):
        turn = datetime(2026, dice.choice((1, 2, 2)), 1)
        offset = timedelta(seconds=dice.randint(-86_400, 86_400) if dice.random() < 0.6 else dice.randint(0, 1_900_000))
        events.append(
            Event(
                id=f"e-{index}",
                at=turn + offset + timedelta(milliseconds=dice.randint(0, 999)),
                api=dice.choice(APIS),
                provider=dice.choice(PROVIDERS),
                application=dice.choice(APPLICATIONS),
                consumer=dice.choice(CONSUMERS),
                status=dice.choice((200, 200, 201, 302, 399, 400, 404, 500)),
                bytes=dice.choice((None, 0, dice.randint(1, 5_000_000_000))),
            )
        )
    return events


def told(event: Event, dice: random.Random) -> dict[str, Any]:
    """The event in one of the spellings in which gateways deliver it."""
    at = event.at.replace(tzinfo=UTC)
    stamp = dice.choice((f"{event.at:%Y-%m-%dT%H:%M:%S.%f}Z", int(at.timestamp() * 1000 + 0.5)))
    line = api_event(
        event.id,
        stamp,
        api=event.api,
        provider=event.provider,
        application=event.application,
        consumer=None if event.consumer == "UNKNOWN" else event.consumer,
        status=dice.choice((event.status, str(event.status))),
        userIp="203.0.113.7",
    )
    if event.bytes is not None:
        line |= dice.choice(({"responseSize": event.bytes}, {"properties": {"responseSize": str(event.bytes)}}))
    return dice.choice((line, {"event": line}))


def api_usage(marts: duckdb.DuckDBPyConnection, period: str) -> dict[tuple, tuple]:
    """(who, currency) -> (requests, bytes, errors, amount, upstream amount) of the random world."""
    rows = marts.execute(
        "select api_id, provider_id, application_id, consumer_id, currency, requests, bytes, errors, amount,"
        " upstream_amount from fct_api_usage where billing_period = ? and api_id in ('maps', 'mail', 'pay')",
        [f"{period}-01"],
    ).fetchall()
    return {(tuple(row[:4]), row[4]): row[5:] for row in rows}


def expected_usage(events: list[Event], period: str) -> dict[tuple, tuple]:
    """The same by the reference; counts in the row of the first currency."""
    charged = {key: value for key, value in amounts(events, CHARGES, CHAIN, BELOW).items() if key[0] == period}
    counted = {who: count for (month, who), count in counts(events, CHAIN).items() if month == period}
    found: dict[tuple, tuple] = {}
    for who in counted.keys() | {who for _, who, _ in charged}:
        currencies = sorted(currency for _, other, currency in charged if other == who) or [None]
        for index, currency in enumerate(currencies):
            count = counted.get(who) if index == 0 else None
            parts = charged.get((period, who, currency), [Decimal(0), Decimal(0)])
            seen = (count.requests, count.bytes, count.errors) if count else (0, 0, 0)
            found[who, currency] = (*seen, *parts)
    return found


@pytest.mark.slow
@pytest.mark.outside
def test_api_usage_equals_a_second_telling_of_it_whatever_the_order_of_arrival(
    tmp_path: Path, outside_data: Path, main_job: MainJob
) -> None:
    """Faults 35, 39 and 41. Fails when a request, a byte, an error or a cent of any combination departs from the
    reference: with duplicates, conflicts and late events, in another order and another cut of files than before."""
    dice = random.Random(SEED)
    events = random_events(dice, 1200)
    world = worked_example(catalog(World(tmp_path)))
    outside = (outside_data / "wso2-analytics" / "wso2-events.public.ndjson").read_bytes()
    world.file("api/wso2/public/outside.ndjson", outside)
    early = events[:700]
    world.wso2("eu", [told(event, dice) for event in early], name="first.ndjson.gz")
    marts = main_job(world.inbox, PERIODS[:1])
    assert api_usage(marts, "2026-01") == expected_usage(early, "2026-01")

    rest = events[700:] + dice.sample(early, 300)  # late, and again
    dice.shuffle(rest)
    for number in range(0, len(rest), 200):
        world.wso2("us", [told(event, dice) for event in rest[number : number + 200]], name=f"deep/{number}.ndjson")
    lesser = [api_event(event.id, "2020-01-01T00:00:00Z", api="a", application="x") for event in events[:5]]
    world.wso2("us", [*lesser, {"userIp": "203.0.113.7"}], name="wrong.ndjson")
    marts = main_job(world.inbox, PERIODS)

    for period in PERIODS:
        assert api_usage(marts, period) == expected_usage(events, period)
    for kind in WAYS:
        metered = marts.execute(
            "select strftime(billing_period, '%Y-%m'), cast(sum(quantity) as bigint) from fct_metered_usage"
            " where meter_id = ? and resource_id not like 'w-%' and resource_id not in ('c', 'd') group by all",
            [f"{kind}-requests"],
        ).fetchall()
        months = [used(event, kind, CHAIN)[0] for event in events]
        assert dict(metered) == {period: months.count(period) for period in PERIODS}
    errors = [event for event in events if event.api == "maps" and event.status >= 400]
    expected = {
        (event.application, str(event.status)): sum(
            (other.application, other.status) == (event.application, event.status)
            and used(other, "api_application", CHAIN)[0] in PERIODS
            for other in errors
        )
        for event in errors
    }
    assert {
        (application, status): int(quantity)
        for application, status, quantity in marts.execute(
            "select resource_id, dimension_value, sum(quantity) from fct_metered_usage where meter_id = 'maps-errors'"
            " group by all"
        ).fetchall()
    } == {key: number for key, number in expected.items() if number}

    assert marts.execute(
        "select consumer_id, requests, bytes, errors, amount, currency from fct_api_usage where api_id = 'w-api'"
        " order by 1"
    ).fetchall() == [
        ("c", 2, 2_000_000_000, 0, Decimal("7.166666666667"), "EUR"),
        ("d", 1, 0, 1, Decimal("3.333333333333"), "EUR"),
    ]
    assert marts.execute(
        "select reason, count(*) from quarantine where source = 'wso2' group by all order by 1"
    ).fetchall() == [("conflict", 5), ("missing_required", 1)]
    assert "203.0.113.7" not in str(marts.execute("select payload from quarantine").fetchall())
    assert marts.execute(
        "select rows_loaded, rows_quarantined from deliveries where uri like '%outside%'"
    ).fetchall() == [(3, 0)]
    unassigned = "select distinct resource_kind from fct_unrated_usage where reason = 'unassigned' order by 1"
    assert marts.execute(unassigned).fetchall() == [("api_application",), ("api_consumer",)]

    line = marts.execute("select line_id from fct_invoice_lines where buyer_id = 'w-app-owner'").fetchone()
    marts.close()
    assert line
    command = [sys.executable, "-m", "orchestration.cli", "explain", line[0], "--json"]
    told_back = subprocess.run(
        [*command, "--home", str(tmp_path / "home")], capture_output=True, text=True, timeout=120, check=True
    ).stdout
    assert ["api/wso2/worked/events.ndjson.gz" in told_back, "wso2/w1" in told_back] == [True, True]
    assert "kim@carbon.super" not in told_back
