"""A month of N samples of edge servers as their agents drop them (line protocol, a file per server and day), and the
catalog to meter and bill it.

A server has two counters and two gauges, sampled each minute at a second of its own, so that no sample falls on
midnight and values are held across it. A counter restarts every eleventh day. Seeded by the server's number alone.
"""

from __future__ import annotations

import csv
import gzip
from datetime import UTC, datetime
from pathlib import Path

MINUTES_A_DAY, DAYS = 1440, 31
SAMPLES_A_SERVER = 4 * MINUTES_A_DAY * DAYS


def write_samples(inbox: Path, samples: int) -> int:
    """Writes the files of as many whole servers as have that many samples, and their catalog; returns the samples."""
    servers = max(1, round(samples / SAMPLES_A_SERVER))
    for server in range(servers):
        folder = inbox / "edge" / "telegraf" / f"h{server}"
        folder.mkdir(parents=True)
        for day in range(DAYS):
            with gzip.open(folder / f"2026-01-{day + 1:02d}.lp.gz", "wb", compresslevel=1) as file:
                file.write(_day_of(server, day).encode())
    _write_catalog(inbox / "catalog" / "2026-01-01", servers)
    return servers * SAMPLES_A_SERVER


def _day_of(server: int, day: int) -> str:
    start = int(datetime(2026, 1, day + 1, tzinfo=UTC).timestamp()) + server * 7 % 53 + 1
    lines = []
    for minute in range(MINUTES_A_DAY):
        since_restart = day % 11 * MINUTES_A_DAY + minute
        at = (start + minute * 60) * 1_000_000_000
        received, sent = since_restart * (1000 + server) + minute * minute % 997, since_restart * 131 + minute % 89
        used, load = 1000 + (minute * 7919 + day * 104729 + server) % 4001, (minute * 31 + server) % 1600
        lines.append(f"net,host=h{server},interface=eth0 bytes_recv={received}i,bytes_sent={sent}i {at}\n")
        lines.append(f"sys,host=h{server} used={used}.25,load={load / 100} {at}\n")
    return "".join(lines)


def _write_catalog(root: Path, servers: int) -> None:
    root.mkdir(parents=True)
    party = "US,UTC,business"
    tables = {
        "parties": ["party_id,name,role,country,time_zone,tax_status", f"house,House,reseller,{party}"],
        "agreements": ["agreement_id,seller_id,buyer_id,currency"],
        "resource_owners": ["resource_kind,resource_id,party_id"],
        "meters": [
            "meter_id,resource_kind,series,sample_type,aggregation,unit,scale",
            "received,edge_server,net_bytes_recv,counter,sum,B,1",
            "sent,edge_server,net_bytes_sent,counter,sum,B,1",
            "memory,edge_server,sys_used,gauge,sum,MBs,1",
            "load,edge_server,sys_load,gauge,mean_time_weighted,load,1",
        ],
        "plans": ["plan_id,name,currency", "edge,Edge,USD"],
        "plan_charges": [
            "charge_id,plan_id,name,charge_type,charge_model,meter_id",
            "traffic,edge,Traffic,usage,graduated,received",
            "memory,edge,Memory,usage,per_unit,memory",
        ],
        "charge_prices": [
            "charge_id,tier,lower,upper,unit_price",
            "traffic,1,0,10000000,0.00001",
            "traffic,2,10000000,,0.000005",
            "memory,1,0,,0.0000001",
        ],
        "subscriptions": ["subscription_id,seller_id,buyer_id,plan_id,quantity,billing_day,start_date"],
        "tax_rates": ["seller_country,buyer_country,tax_category,kind,rate", "US,US,standard,standard,0.07"],
    }
    for server in range(servers):
        tables["parties"].append(f"c{server},Customer {server},customer,{party}")
        tables["agreements"].append(f"a{server},house,c{server},USD")
        tables["resource_owners"].append(f"edge_server,h{server},c{server}")
        tables["subscriptions"].append(f"u{server},house,c{server},edge,1,1,2025-01-01")
    for name, lines in tables.items():
        with (root / f"{name}.csv").open("w", newline="", encoding="utf-8") as handle:
            csv.writer(handle).writerows(line.split(",") for line in lines)
