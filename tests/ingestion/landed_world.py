"""A small inbox of all feeds and the lake it lands in; for the tests of landing."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from aws_cur_inbox import csv_bytes, gz, legacy, line, put

from ingestion.lake import Lake
from ingestion.landing import LandingReport, land
from ingestion.storage import open_storage

FEEDS = ("catalog", "edge", "aws_cur")
METRIC = '{"fields":{"v":%s},"name":"m","tags":{"host":"h1"},"timestamp":%d}\n'
JANUARY, FEBRUARY = 1767225600, 1769904000  # 2026-01-01 and 2026-02-01, UTC


def run(feed: str, inbox: Path | str, lake: Path | str, period: str | None = None) -> tuple[LandingReport, Lake]:
    there = Lake(open_storage(lake))
    return land(feed, open_storage(inbox), there, period), Lake(open_storage(lake))


def tree(folder: Path) -> dict[str, bytes]:
    """All that counts in a lake, by key."""
    storage = open_storage(folder)
    return {
        file.key: storage.read_bytes(file.key)
        for part in ("landed/", "manifests/", "quarantine/")
        for file in storage.files(part)
    }


def rows(lake: Lake, contract: str) -> pl.DataFrame:
    return pl.read_parquet(lake.current_files(contract))


def sample_file(inbox: Path, name: str, *samples: tuple[int, int], host: str = "h1") -> None:
    put(inbox / "edge/telegraf" / host / name, "".join(METRIC % (value, at) for value, at in samples).encode())


def a_world(inbox: Path) -> None:
    """Deliveries of all feeds, with rows that are quarantined."""
    put(inbox / "catalog/2026-01-01/parties.csv", b"party_id,name,role\nA,a,vendor\nB,b,customer\n")
    put(
        inbox / "catalog/2026-01-01/agreements.csv", b"agreement_id,seller_id,buyer_id,currency\n1,A,B,EUR\n2,A,X,EUR\n"
    )
    legacy(inbox, {"1.csv.gz": gz(csv_bytes([line(), line(unblendedcost="x"), line(unblendedcost="2.5")]))})
    sample_file(inbox, "1.json", (1, JANUARY), (2, FEBRUARY))
    sample_file(inbox, "2.json", (3, FEBRUARY + 60))
