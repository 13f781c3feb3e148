"""Metering on random series against a second telling of it, through one dbt build of three months."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise, product
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ingestion.contracts import load_contract
from ingestion.sources.catalog_meters import WITHOUT_MEANING
from orchestration.months import month_bounds
from tests.dbt_project.metering_reference import Chain, metered_usage

pytestmark = pytest.mark.dbt

SEED = 20260228
START, END = datetime(2026, 2, 20), datetime(2026, 4, 4)
# New York's clocks go forward on 8 March 2026; Kiritimati and Kolkata end their months on another UTC day.
ZONES = {
    "seller-kolkata": "Asia/Kolkata",
    "seller-kiritimati": "Pacific/Kiritimati",
    "seller-york": "America/New_York",
    "seller-utc": "UTC",
}
SELLERS = {
    "buyer-kolkata": "seller-kolkata",
    "buyer-kiritimati": "seller-kiritimati",
    "buyer-york": "seller-york",
    "buyer-utc": "seller-utc",
}
ALWAYS = (date(1900, 1, 1), date(9999, 12, 31))
OWNERS = [
    ("host-kolkata", "buyer-kolkata", *ALWAYS),
    ("host-kiritimati", "buyer-kiritimati", *ALWAYS),
    ("host-york", "buyer-york", *ALWAYS),
    ("host-sold", "buyer-kolkata", date(1900, 1, 1), date(2026, 3, 1)),
    ("host-sold", "buyer-york", date(2026, 3, 1), date(2026, 3, 17)),
    ("host-sold", "buyer-kiritimati", date(2026, 3, 20), date(9999, 12, 31)),
    # Sold in the evening of a last day in the west and in the morning of a first one in the east.
    ("host-between", "buyer-york", date(1900, 1, 1), date(2026, 3, 1)),
    ("host-between", "buyer-kiritimati", date(2026, 4, 1), date(9999, 12, 31)),
    ("host-lonely", "buyer-of-nobody", *ALWAYS),
]
HOSTS = sorted({owner[0] for owner in OWNERS} | {"host-unknown"})
# What these hosts sampled is also sent as CloudEvents, of resources with the same owners: the same usage must come out.
SENT = {"host-sold": "sent-sold", "host-kiritimati": "sent-kiritimati"}
SENT_SERIES = ("net.bytes_recv", "disk_io", "mem_used", "if_octets")
OWNERS += [(SENT[host], party, start, end) for host, party, start, end in OWNERS if host in SENT]


def meter(
    name: str, series: str, kind: str, aggregation: str, scale: str | None = None, **terms: str
) -> dict[str, Any]:
    return {
        "meter_id": name,
        "resource_kind": "edge_server",
        "series": series,
        "sample_type": kind,
        "aggregation": aggregation,
        "unit": f"{name}-unit",
        "scale": scale,
        "filter": None,
        "dimension": None,
        "wrap_at": None,
        "recorded_at": "2026-01-01",
    } | terms


WIDTH = 2**32  # of the counter if_octets
METERS = [
    meter("traffic", "net_bytes_recv", "counter", "sum", "0.000000001"),
    meter("traffic-by-interface", "net.bytes-recv", "counter", "sum", "0.333333333333", dimension="inter.face"),
    meter("traffic-outside", "net/bytes/recv", "counter", "sum", filter="inter.face=eth0;zone=a b"),
    meter("huge", "disk_io", "counter", "sum", "1.500000000001"),
    meter("memory", "mem_used", "gauge", "mean_time_weighted"),
    meter("memory-seconds", "mem_used", "gauge", "sum", "0.000000000278"),
    meter("memory-peak", "mem_used", "gauge", "max", "2"),
    meter("memory-last", "mem_used", "gauge", "last"),
    meter("jobs", "jobs_done", "delta", "sum", "10"),
    meter("job-reports", "jobs_done", "delta", "count"),
    meter("job-peaks", "jobs_done", "delta", "p95", "0.5"),
    meter("memory-p95", "mem_used", "gauge", "p95"),
    meter("octets", "if.octets", "counter", "sum", "0.000001", wrap_at=str(WIDTH)),
    meter("octets-read", "if.octets", "counter", "count"),
    meter("queued", "jobs_done", "delta", "weighted_sum", "0.25", dimension="queue"),
    meter("job-events", "jobs_done", "event", "sum"),
    meter("levels", "mem_used", "gauge", "unique_count"),
    meter("versions", "agent/version", "gauge", "unique_count", filter="zone=a b"),
    meter("versions-by-interface", "agent.version", "event", "unique_count", "3", dimension="inter.face"),
    meter("traffic-p95", "net_bytes_recv", "counter", "p95", dimension="inter.face"),
]
# Every other pair of a type and an aggregation that has a meaning.
METERS += [
    meter(f"{kind}-{aggregation}", series, kind, aggregation)
    for kind, series, aggregations in (
        ("counter", "disk_io", ("max", "last")),
        ("gauge", "mem_used", ("count",)),
        ("delta", "jobs_done", ("max", "last", "unique_count")),
        ("event", "jobs_done", ("count", "max", "last", "p95", "weighted_sum")),
    )
    for aggregation in aggregations
]
SERIES = [
    ("net.bytes_recv", {"inter.face": "eth0", "zone": "a b"}, "counter"),
    ("net.bytes_recv", {"inter.face": "eth1"}, "counter"),
    ("disk_io", {}, "counter"),
    ("mem_used", {}, "gauge"),
    ("jobs_done", {"queue": 'q"1'}, "delta"),
    ("if_octets", {}, "wrapping"),
    ("agent.version", {"inter.face": "eth0", "zone": "a b"}, "text"),
    ("agent.version", {"inter.face": "eth1", "zone": "a b"}, "text"),
    ("agent.version", {"inter.face": "eth0"}, "text"),
    ("never_metered", {}, "counter"),
]


def random_series(draw: random.Random, host: str, name: str, labels: dict[str, str], kind: str) -> list[dict[str, Any]]:
    """Samples in time order: bursts around the ends of months, gaps of hours, resets, duplicates, conflicts."""
    instants, instant = [], START + timedelta(seconds=draw.randrange(86400))
    while instant < END:
        instants.append(instant)
        instant += timedelta(microseconds=draw.choice((30e6, 60e6, 299.5e6, 300e6, 300000001, 901e6, 7200e6, 40000e6)))
    for zone in ("UTC", *ZONES.values()):
        for month in (2, 3):
            end = datetime(2026, month + 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None)
            instants += [end + timedelta(microseconds=draw.randrange(-400 * 10**6, 400 * 10**6)) for _ in range(4)]
            instants += [end, end - timedelta(microseconds=1)][: draw.randrange(3)]
    rows, value = [], Decimal(draw.randrange(10**6))
    scale = 10**14 if name == "disk_io" else 10**6
    for at in sorted(set(instants)):
        step = Decimal(draw.randrange(scale)) + Decimal(draw.randrange(10**6)).scaleb(-6)
        if kind == "wrapping":
            restarts = host == "host-lonely" and draw.random() < 0.03
            value = Decimal(draw.randrange(WIDTH)) if restarts else (value + draw.randrange(WIDTH // 2)) % WIDTH
        elif kind == "counter":
            value = step if draw.random() < 0.03 else value + step * draw.randrange(2)
        else:
            value = step - scale // 3
        row = {
            "source": host,
            "series": name,
            "labels": json.dumps(labels, sort_keys=True, separators=(",", ":")),
            "sampled_at": at,
            "value": value,
            "billing_period": date(at.year, at.month, 1),
            "delivery_id": f"d{draw.randrange(50)}",
            "source_file": "f",
            "source_row": len(rows) + 1,
        }
        if kind == "text":
            row |= {"value": None, "text_value": f"1.{draw.randrange(7)}"}
        rows.append(row)
        if draw.random() < 0.05:
            rows.append(row | {"delivery_id": "again"})
        if kind != "text" and draw.random() < 0.03:
            rows.append(row | {"delivery_id": "other", "value": value - 1})
    return rows


def catalog() -> dict[str, list[dict[str, Any]]]:
    known = {"recorded_at": "2026-01-01"}
    parties = [{"party_id": seller, "time_zone": zone} for seller, zone in ZONES.items()]
    parties += [{"party_id": buyer} for buyer in (*SELLERS, "buyer-of-nobody")]
    agreements = [
        {"agreement_id": f"{seller}/{buyer}", "seller_id": seller, "buyer_id": buyer, "currency": "EUR"}
        for buyer, seller in SELLERS.items()
    ]
    # A seller of cloud bills alone does not sell the usage of servers.
    agreements.append(agreements[0] | {"agreement_id": "cloud", "seller_id": "seller-york", "vendor": "aws"})
    owners = [
        {"resource_kind": "edge_server", "resource_id": host, "party_id": party, "valid_from": start, "valid_to": end}
        for host, party, start, end in OWNERS
    ]
    return {
        "catalog__parties": [row | {"name": row["party_id"], "role": "customer"} | known for row in parties],
        "catalog__agreements": [row | known for row in agreements],
        "catalog__resource_owners": [row | known for row in owners],
        "catalog__meters": METERS,
        "months": [
            {"time_zone": zone, "billing_period": period, "starts_at": start, "ends_at": end}
            for zone, period, start, end in month_bounds(ZONES.values(), "2026-01", "2026-05")
        ],
    }


@pytest.fixture(scope="module")
def samples() -> list[dict[str, Any]]:
    draw = random.Random(SEED)
    rows = [row for host in HOSTS for series in SERIES for row in random_series(draw, host, *series)]
    draw.shuffle(rows)
    return rows


@pytest.fixture(scope="module")
def warehouse(scratch_warehouse, samples):
    built = scratch_warehouse(catalog() | {"edge__samples": samples, "cloudevents__events": sent(samples)})
    built.build("+fct_metered_usage +int_metering__gaps +int_metering__events_unread +quarantine", "2026-02", "2026-05")
    return built


def sent(samples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The samples of SENT as events, without those that lost against another value; a reading sent wrongly and voided,
    and one of the same name of another kind of resource, which no meter reads."""
    rows = []
    for number, sample in enumerate(samples):
        if sample["source"] in SENT and sample["series"] in SENT_SERIES and sample["delivery_id"] != "other":
            rows.append(
                {
                    "source": "/agents/1",
                    "event_id": f"{number}",
                    "type": sample["series"],
                    "resource_kind": "edge_server",
                    "resource_id": SENT[sample["source"]],
                    "occurred_at": sample["sampled_at"],
                    "value": sample["value"],
                    "data": json.dumps(
                        json.loads(sample["labels"]) | {"value": str(sample["value"]), "number": str(number)},
                        sort_keys=True,
                    ),
                }
                | {name: sample[name] for name in ("billing_period", "delivery_id", "source_file", "source_row")}
            )
    rows.append(rows[0] | {"event_id": "device", "resource_kind": "device"})
    rows.append(rows[0] | {"event_id": "wrong", "value": Decimal("9e20")})
    rows.append(rows[0] | {"event_id": "void", "value": None, "voids": "wrong"})
    return rows


MART = "select billing_period, meter_id, resource_id, dimension_value, usage_date, owner_party_id, quantity"


def test_every_day_of_every_series_equals_the_reference(warehouse, samples):
    """Faults 35, 36, 57. Fails when a reset, duplicate, conflict, gap, month's end, zone, filter or scale is metered
    otherwise than told sample by sample; no digit may differ."""
    expected = metered_usage(samples, METERS, Chain(OWNERS, SELLERS, ZONES))
    found = {row[:5]: row[5:] for row in warehouse.rows(f"{MART} from fct_metered_usage") if row[2] in HOSTS}
    assert len(expected) > 2500
    assert {key: found.get(key) for key in expected if found.get(key) != expected[key]} == {}
    assert found.keys() - expected.keys() == set()


def test_counters_and_gauges_sent_as_events_are_metered_as_samples_are(warehouse, samples):
    """Faults 35, 36. Fails when a reading that came as a CloudEvent is metered otherwise than a server's sample, by
    none or twice, by another kind's meter, though it was voided, or in a series of its own for what no meter names."""
    metered = "select billing_period, meter_id, dimension_value, usage_date, owner_party_id, quantity, period_quantity"
    meters = (
        "('traffic', 'traffic-by-interface', 'traffic-outside', 'traffic-p95', 'huge', 'counter-max', 'counter-last',"
    )
    meters += "'memory', 'memory-seconds', 'memory-peak', 'memory-last', 'memory-p95', 'octets')"  # not what is counted
    for host, resource in SENT.items():
        as_samples, as_events = (
            warehouse.rows(
                f"{metered} from fct_metered_usage where resource_id = ? and meter_id in {meters} order by all", name
            )
            for name in (host, resource)
        )
        assert len(as_samples) > 300
        assert as_events == as_samples
    assert warehouse.rows("select count(*) from fct_metered_usage where resource_kind <> 'edge_server'") == [(0,)]
    unread = warehouse.rows(
        "select reason, resource_kind, cast(sum(events) as bigint)"
        " from intermediate.int_metering__events_unread group by all"
    )
    assert unread == [("no_meter", "device", 1)]


def test_every_aggregation_of_every_type_is_metered_or_refused(warehouse):
    """Fails when a pair of money.md's four types and eight aggregations is accepted and stays zero without a word."""
    metered = warehouse.rows("select distinct meter_id from fct_metered_usage where quantity <> 0")
    pairs = {(row["sample_type"], row["aggregation"]) for row in METERS if (row["meter_id"],) in metered}
    columns = {column.name: column.properties.get("allowed") for column in load_contract("catalog.meters").columns}
    every = set(product(columns["sample_type"], columns["aggregation"]))
    assert len(every) == 32
    assert pairs | WITHOUT_MEANING.keys() == every
    assert not pairs & WITHOUT_MEANING.keys()


def test_months_of_a_counter_add_up_to_its_total_increase(warehouse, samples):
    """Faults 36, 37, 57. Fails when a step between two months, or at a change of owner and zone, is lost or doubled."""
    for host in HOSTS:
        values: dict[datetime, Decimal] = {}
        for row in samples:
            if row["source"] == host and row["series"] == "disk_io":
                values[row["sampled_at"]] = max(row["value"], values.get(row["sampled_at"], row["value"]))
        in_order = [values[instant] for instant in sorted(values)]
        pairs = pairwise(in_order)
        increase = sum(after - before if after >= before else after for before, after in pairs)
        metered = warehouse.rows(
            "select cast(sum(increase) as decimal(38, 12)) from intermediate.int_metering__usage_dated"
            " where resource_id = ? and meter_id = 'huge'",
            host,
        )
        assert metered == [(increase,)]


def test_a_counter_that_wraps_adds_up_to_what_really_passed(warehouse, samples):
    """Fault 36. Fails when a wrap at the known width counts as a reset: what passed is the steps modulo the width."""
    wraps = 0
    for host in set(HOSTS) - {"host-lonely"}:  # whose counter also restarts
        values: dict[datetime, Decimal] = {}
        for row in samples:
            if row["source"] == host and row["series"] == "if_octets":
                values[row["sampled_at"]] = max(row["value"], values.get(row["sampled_at"], row["value"]))
        steps = [(int(after) - int(before)) for before, after in pairwise(values[at] for at in sorted(values))]
        wraps += sum(step < 0 for step in steps)
        metered = warehouse.rows(
            "select cast(sum(increase) as decimal(38, 12)) from intermediate.int_metering__usage_dated"
            " where resource_id = ? and meter_id = 'octets'",
            host,
        )
        assert metered == [(Decimal(sum(step % WIDTH for step in steps)),)]
    assert wraps > 100


def test_the_days_of_an_owners_month_add_up_to_the_months_own_value(warehouse):
    """Fails when period_quantity of max, last or the mean does not telescope to the value over the whole month."""
    wrong = warehouse.rows(
        """
        with months as (
            select
                billing_period,
                resource_id,
                owner_party_id,
                max_by(last_value, usage_date) filter (last_value is not null) as last,
                max(maximum) as peak
            from intermediate.int_metering__usage_dated
            where meter_id = 'memory-last'
            group by all
        )

        select meter_id, resource_id, billing_period, owner_party_id
        from fct_metered_usage
        inner join months using (billing_period, resource_id, owner_party_id)
        where meter_id in ('memory-last', 'memory-peak')
        group by all
        having sum(period_quantity) <> any_value(case meter_id when 'memory-last' then last else peak * 2 end)
        """
    )
    assert wrong == []
    means = warehouse.rows(
        """
        with months as (
            select
                billing_period,
                resource_id,
                owner_party_id,
                sum(value_seconds) as held,
                sum(observed_seconds) as seconds
            from intermediate.int_metering__usage_dated
            where meter_id = 'memory'
            group by all
        )

        select held, seconds, cast(sum(period_quantity) as decimal(38, 12))
        from fct_metered_usage
        inner join months using (billing_period, resource_id, owner_party_id)
        where meter_id = 'memory'
        group by billing_period, resource_id, owner_party_id, held, seconds
        """
    )
    assert len(means) > len(HOSTS)
    for held, observed, mean in means:
        assert abs(mean * observed - held) <= Decimal("1e-12") * observed


def test_values_that_lost_against_another_stand_in_quarantine(warehouse, samples):
    """Fault 35. Fails when a conflict is hidden, also for counters, or a harmless repetition is reported."""
    lost = sorted((row["source"], row["source_row"]) for row in samples if row["delivery_id"] == "other")
    found = warehouse.rows(
        "select account, source_row from quarantine where reason = 'conflict' and delivery_id = 'other' order by all"
    )
    assert len(lost) > 100
    assert found == lost
    assert warehouse.rows("select count(*) from quarantine where delivery_id <> 'other'") == [(0,)]


def test_silences_longer_than_a_value_holds_are_recorded(warehouse, samples):
    """Fault 37. Fails when a gap between two samples of a metered series is not recorded once with its length."""
    instants = sorted({r["sampled_at"] for r in samples if r["source"] == "host-york" and r["series"] == "mem_used"})
    gaps = [later - earlier for earlier, later in pairwise(instants)]
    silent = [gap for gap in gaps if gap > timedelta(seconds=300)]
    recorded = warehouse.rows(
        "select cast(sum(gap_count) as bigint), sum(gap_seconds) from intermediate.int_metering__gaps"
        " where source = 'host-york' and series = 'mem_used'"
    )
    assert recorded == [(len(silent), Decimal(sum(silent, timedelta()) // timedelta(microseconds=1)).scaleb(-6))]


def test_any_order_and_repetition_of_deliveries_gives_the_same_usage(warehouse, samples, scratch_warehouse):
    """Faults 1, 35, 39. Fails when the order of arrival, of months run, a repeated delivery, or that a month is made in
    as many parts as there are sources (int_metering__samples_grouped), changes the mart."""
    draw = random.Random(SEED + 1)
    again = samples + draw.sample(samples, len(samples) // 3)
    draw.shuffle(again)
    late = [row for row in again if row["billing_period"] == date(2026, 2, 1) and draw.random() < 0.2]
    events = sent(samples)
    draw.shuffle(events)
    other = scratch_warehouse(
        catalog() | {"edge__samples": [row for row in again if row not in late], "cloudevents__events": events[1000:]}
    )
    selection = "+fct_metered_usage +int_metering__gaps +quarantine"
    other.build(selection, "2026-04", "2026-05", part_size=1)
    other.insert("edge__samples", late)
    other.insert("cloudevents__events", events[:1000])
    other.build(selection, "2026-02", "2026-05", part_size=1)
    query = "select * from fct_metered_usage order by all"
    assert other.rows(query) == warehouse.rows(query)


def test_a_late_file_meters_only_the_days_it_touches(warehouse, samples, scratch_warehouse):
    """Fails when late samples leave a sum as it was, or when a day is metered again that they do not reach: every sum
    bears a mark before they come, and who lost it was made anew."""
    series = ("source", "series", "labels")
    heard: dict[tuple[str, ...], set[date]] = {}
    for row in samples:
        if row["value"] is not None:
            heard.setdefault(tuple(row[name] for name in series), set()).add(row["sampled_at"].date())
    late = [
        row
        for number, row in enumerate(samples)
        if row["source"] in ("host-york", "host-sold") and row["sampled_at"].date() == date(2026, 3, 12) and number % 3
    ]
    touched = {(*(row[name] for name in series), row["sampled_at"].date()) for row in late if row["value"] is not None}
    reached = set()
    for *keys, day in touched:
        days = sorted(heard[tuple(keys)])
        place = days.index(day)
        reached |= {(*keys, near) for near in days[max(place - 1, 0) : place + 2]}

    selection = "+fct_metered_usage"
    comes_late = set(map(id, late))
    other = scratch_warehouse(catalog() | {"edge__samples": [row for row in samples if id(row) not in comes_late]})
    other.build(selection, "2026-03", "2026-04", part_size=1)
    table, mark = "intermediate.int_metering__samples_grouped", "timestamp '1999-01-01'"
    with other.connect() as connection:
        connection.execute(f"update {table} set heard_again_at = {mark}")
    other.insert("edge__samples", late)
    other.build(selection, "2026-03", "2026-04", part_size=1)

    made = other.rows(
        f"select distinct source, series, labels, sampled_on from {table} where heard_again_at is distinct from {mark}"
    )
    metered = {series for series, _, _ in SERIES} - {"never_metered", "agent.version"}
    assert len(late) > 100
    assert set(made) == {each for each in reached if each[1] in metered}
    of_march = f"{MART}, period_quantity from fct_metered_usage where billing_period = '2026-03-01'"
    hosts = f"and resource_id in {tuple(HOSTS)} order by all"
    assert other.rows(f"{of_march} {hosts}") == warehouse.rows(f"{of_march} {hosts}")
