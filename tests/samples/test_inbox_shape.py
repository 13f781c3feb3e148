"""The inbox holds what the producers deliver, and the files say what the truth says."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sqlite3
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import polars as pl

from samples.catalog_tables import catalog_deliveries, current_catalog
from samples.edge_servers import DUPLICATED, LATE
from samples.reference.catalog import Catalog
from samples.world import ACCOUNTS, MONTHS, PARQUET_MONTH, PAYER_A, PAYER_B, SERVERS, bounds

LEGACY = f"aws_cur/{PAYER_A}/billing/cost-report"
EXPORT = f"aws_cur/{PAYER_B}/exports/cost-export"


def _csv_rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(gzip.decompress(content).decode())))


def test_the_period_level_manifest_points_to_the_restated_assembly(sample):
    """Fails when January's first assembly is gone, or its manifest is not the older one."""
    folder = sample.inbox / LEGACY / "20260101-20260201"
    top = json.loads((folder / "cost-report-Manifest.json").read_text())
    assemblies = {path.parent.name: json.loads(path.read_text()) for path in folder.glob("*/cost-report-Manifest.json")}
    assert len(assemblies) == 2
    assert top == assemblies[top["assemblyId"]]
    delivered = [
        row for row in sample.truth["deliveries"] if row.get("period") == "2026-01" and row["account"] == PAYER_A
    ]
    assert {row["name"]: row["is_current"] for row in delivered} == {
        name: name == top["assemblyId"] for name in assemblies
    }
    assert len({row["unblended"] for row in delivered}) == 2
    for manifest in assemblies.values():
        assert len(manifest["reportKeys"]) == 2
        assert all((sample.inbox / "aws_cur" / PAYER_A / key).is_file() for key in manifest["reportKeys"])


def test_the_files_hold_the_bill_the_truth_tells(sample):
    """Fails when a delivered file and truth.json disagree on a payer's month: lines, total or an account."""
    expected = {(bill["payer_account_id"], bill["period"]): bill for bill in sample.truth["bills"]}
    assert len(expected) == 6
    for (payer, period), bill in expected.items():
        accounts: dict[str, Decimal] = defaultdict(Decimal)
        lines = 0
        if payer == PAYER_A:
            start, end = bounds(period)
            top = sample.inbox / LEGACY / f"{start:%Y%m%d}-{end:%Y%m%d}" / "cost-report-Manifest.json"
            keys = [sample.inbox / "aws_cur" / PAYER_A / key for key in json.loads(top.read_text())["reportKeys"]]
            named = ("lineItem/UsageAccountId", "lineItem/UnblendedCost")
        else:
            newest = sorted((sample.inbox / EXPORT / "data" / f"BILLING_PERIOD={period}").iterdir())[-1]
            keys = sorted(newest.iterdir())
            named = ("line_item_usage_account_id", "line_item_unblended_cost")
        for key in keys:
            if key.suffix == ".parquet":
                assert period == PARQUET_MONTH
                frame = pl.read_parquet(key)
                named = ("line_item_usage_account_id", "line_item_unblended_cost")
                rows = [dict(zip(named, (account, repr(cost)), strict=True)) for account, cost in frame[named].rows()]
            else:
                rows = _csv_rows(key.read_bytes())
            lines += len(rows)
            for row in rows:
                accounts[row[named[0]]] += Decimal(row[named[1]])
        assert lines == bill["lines"]
        assert sum(accounts.values()) == Decimal(bill["billed"])
        billed = {account: Decimal(views["billed"]) for account, views in bill["accounts"].items()}
        assert dict(accounts) == billed


def test_account_ids_keep_their_leading_zeros(sample):
    """Fails when an account id is written as a number."""
    rows = [row for path in sample.inbox.glob(f"{LEGACY}/2026*/*/*.csv.gz") for row in _csv_rows(path.read_bytes())]
    assert {row["lineItem/UsageAccountId"] for row in rows} == {a.id for a in ACCOUNTS if a.payer == PAYER_A}
    assert sum(account.id.startswith("0") for account in ACCOUNTS) == 2


def test_edge_servers_deliver_in_three_forms(sample):
    """Fails when a form is missing, a server delivers nothing, or there are too many samples for a quick run."""
    files = [row for row in sample.truth["deliveries"] if row["source"] == "edge"]
    assert {row["account"] for row in files} == {server.host for server in SERVERS}
    assert {row["name"].split(".", 1)[1] for row in files} == {"json.gz", "influx.gz", "sqlite"}
    assert 60_000 < sum(row["samples"] for row in files) < 150_000
    for row in files:
        folder = "sqlite" if row["name"].endswith("sqlite") else "telegraf"
        assert (sample.inbox / "edge" / folder / row["account"] / row["name"]).is_file()


def test_an_agent_s_database_counts_its_rows(sample):
    """Fails when meta.row_count is not the number of samples in the file."""
    for path in sample.inbox.glob("edge/sqlite/*/*.sqlite"):
        connection = sqlite3.connect(path)
        meta = dict(connection.execute("select key, value from meta"))
        (rows,) = connection.execute("select count(*) from samples").fetchone()
        connection.close()
        assert meta == {"host": path.parent.name, "row_count": str(rows)}
        assert rows > 1000


def test_one_file_comes_twice_and_one_comes_late(sample):
    """Fails when the duplicate delivery has other bytes, or no January sample lies in a file dated February."""
    twice = sample.inbox / "edge/telegraf" / DUPLICATED
    first = twice / f"{DUPLICATED}-20260101.json.gz"
    assert (twice / f"retry-{first.name}").read_bytes() == first.read_bytes()
    late = sample.inbox / "edge/telegraf" / LATE / f"{LATE}-20260203-late.json.gz"
    instants = [json.loads(line)["timestamp"] for line in gzip.decompress(late.read_bytes()).splitlines()]
    january = [moment.timestamp() for moment in bounds("2026-01")]
    assert instants and all(january[0] <= instant < january[1] for instant in instants)


def test_counters_restart_and_an_agent_was_down(sample):
    """Fails when no counter drops or no hour is missing: the hard cases of metering would not be shown."""
    drops, gaps = 0, 0
    for path in sorted(sample.inbox.glob("edge/telegraf/*/*.influx.gz")):
        lines = [line for line in gzip.decompress(path.read_bytes()).decode().splitlines() if line.startswith("http,")]
        points = [(int(line.split()[2]), int(line.split("requests=")[1].split("i ")[0])) for line in lines]
        for (before, former), (at, value) in pairwise(points):
            drops += value < former
            gaps += at - before > 3600 * 10**9
    assert drops > 3
    assert gaps == 1


def test_everything_has_an_owner_on_every_day():
    """Fails when an account or server of the sample is unassigned on some day: its month could not be closed."""
    catalog = Catalog(current_catalog())
    start, end = bounds(MONTHS[0])[0].date() - timedelta(days=1), bounds(MONTHS[-1])[1].date()
    for offset in range((end - start).days + 1):
        day = start + timedelta(days=offset)
        assert all(catalog.owner("aws_account", account.id, day) for account in ACCOUNTS)
        assert all(catalog.owner("edge_server", server.host, day) for server in SERVERS)


def test_the_catalog_names_only_what_it_has():
    """Fails when a row of the current catalog names a party, agreement, plan, charge or meter that is not there."""
    tables = current_catalog()
    keys = {
        name: {row[column] for row in tables[table]}
        for table, column, name in (
            ("parties", "party_id", "party"),
            ("agreements", "agreement_id", "agreement"),
            ("plans", "plan_id", "plan"),
            ("plan_charges", "charge_id", "charge"),
            ("meters", "meter_id", "meter"),
        )
    }
    references = {
        "party_id": "party", "seller_id": "party", "buyer_id": "party", "agreement_id": "agreement",
        "plan_id": "plan", "charge_id": "charge", "meter_id": "meter",
    }  # fmt: skip
    for table, rows in tables.items():
        for row in rows:
            for column, name in references.items():
                assert row.get(column) is None or row[column] in keys[name], (table, row)
    assert len(tables["parties"]) == 30
    assert {row["currency"] for row in tables["agreements"]} == {"USD", "EUR", "JPY"}


def test_the_later_catalog_brings_what_was_not_known_before():
    """Fails when the second delivery repeats the first: no price version, subscription or rule would be new."""
    first, second = catalog_deliveries().values()
    assert second.keys() == {"price_rules", "charge_prices", "subscriptions", "budgets"}
    for table, rows in second.items():
        assert len(rows) > len(first[table])
