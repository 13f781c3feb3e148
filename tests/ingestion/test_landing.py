"""Landing: what the lake holds after repetitions, restatements and odd names, in folders and in S3."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest
from aws_cur_inbox import PAYER, csv_bytes, gz, legacy, line, manual, put
from landed_world import FEBRUARY, FEEDS, JANUARY, a_world, rows, run, sample_file, tree

from ingestion import landing, parquet
from ingestion.contracts import Contract
from ingestion.deliveries import File, Found, Rows
from ingestion.fingerprints import CACHE, Staged
from ingestion.lake import Lake
from ingestion.landing import land, tell_unread
from ingestion.sources import aws_cur, catalog, edge
from ingestion.storage import Folder, Storage, open_storage


@pytest.mark.parametrize("feed", FEEDS)
def test_landing_twice_is_landing_once(inbox: Path, tmp_path: Path, feed: str) -> None:
    """Fails when a second landing, or one into another lake, writes other bytes (fault 1)."""
    a_world(inbox)
    first, _ = run(feed, inbox, tmp_path / "lake")
    before = tree(tmp_path / "lake")
    second, _ = run(feed, inbox, tmp_path / "lake")
    assert first.landed > 0 and first.rows_in == first.rows_loaded + first.rows_quarantined > 0
    assert (second.landed, second.unchanged, second.rows_in) == (0, first.landed, 0)
    assert tree(tmp_path / "lake") == before
    run(feed, inbox, tmp_path / "other")
    assert tree(tmp_path / "other") == before


def test_a_second_look_reads_no_file(inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when known files are hashed again by every run, or a lost cache changes more than the time it takes."""
    a_world(inbox)
    run("edge", inbox, tmp_path / "lake")
    hashed: list[str] = []
    whole = Staged.hash
    monkeypatch.setattr(Staged, "hash", lambda self, file: hashed.append(file.key) or whole(self, file))
    report, _ = run("edge", inbox, tmp_path / "lake")
    assert (report.unchanged, hashed) == (2, [])
    (tmp_path / "lake" / CACHE).write_bytes(b"{damaged")
    report, _ = run("edge", inbox, tmp_path / "lake")
    assert (report.unchanged, len(hashed)) == (2, 2)


@pytest.mark.parametrize(
    "name", ["it's; drop--.json", 'a "b".json', "new\nline.json", "größe 日本.json", "a*b?[c].json"]
)
def test_a_file_may_have_any_name(inbox: Path, tmp_path: Path, name: str) -> None:
    """Fails when a name breaks a path, the manifest's JSON or the SQL that reads the Parquet (fault 14)."""
    sample_file(inbox, name, (7, JANUARY), host='it\'s a "host"')
    _, lake = run("edge", inbox, tmp_path / "lake with 'quotes'")
    (found,) = lake.deliveries()
    assert found["uri"].endswith(f"/{name}")
    listed = ", ".join("'" + uri.replace("'", "''") + "'" for uri in lake.current_files("edge.samples"))
    assert duckdb.sql(f"select source_file from read_parquet([{listed}])").fetchall() == [(found["uri"],)]


def test_small_deliveries_land_together_and_a_bad_one_alone_is_refused(inbox: Path, tmp_path: Path) -> None:
    """Fails when one broken file holds back, or leaves rows among, the hundreds it arrived with."""
    for number in range(20):
        sample_file(inbox, f"{number:02d}.json", (number, JANUARY), (number, FEBRUARY))
    put(inbox / "edge/telegraf/h1/10x.json", b"<html>bad gateway</html>")
    shutil.copy(inbox / "edge/telegraf/h1/03.json", inbox / "edge/telegraf/h1/03-again.json")
    report, lake = run("edge", inbox, tmp_path / "lake")
    assert (report.found, report.landed, report.unchanged, report.rejected) == (22, 20, 1, 1)
    assert len(lake.current_files("edge.samples")) == 2  # one file a month
    found = rows(lake, "edge.samples")
    assert found.height == 40 and found["delivery_id"].n_unique() == 20
    assert {row["status"] for row in lake.deliveries()} == {"complete", "rejected"}
    (refused,) = [row for row in lake.deliveries() if row["status"] == "rejected"]
    assert "10x.json" in refused["reason"] and refused["rows_loaded"] == 0


@pytest.mark.parametrize("error", [TypeError, KeyError, RecursionError, pl.exceptions.PanicException])
def test_a_file_that_its_reader_stumbles_over_is_refused_alone(
    inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """Fault 10. Fails when contents nobody thought of hold up every other delivery, or their values reach a message."""
    for name in ("1.json", "2.json"):
        sample_file(inbox, name, (int(name[0]), JANUARY))
    read = edge.read

    def stumbling(storage: Storage, found: Found, contract: Contract) -> Iterator[Rows]:
        if found.name == "1.json":
            raise error("secret value")
        yield from read(storage, found, contract)

    monkeypatch.setattr(edge, "read", stumbling)
    report, lake = run("edge", inbox, tmp_path / "lake")
    assert (report.landed, report.rejected) == (1, 1)
    (refused,) = [row for row in lake.deliveries() if row["status"] == "rejected"]
    assert f"1.json: cannot be read ({error.__name__}; contract edge.samples" in refused["reason"]
    assert "secret" not in " ".join([refused["reason"], *report.messages])


def test_what_no_feed_reads_is_told_by_folder_until_it_is_gone(inbox: Path, tmp_path: Path) -> None:
    """Fault 10. Fails when a delivery put where nobody looks, of another vendor say, is passed over without a word."""
    a_world(inbox)
    for key in ("azure/ea/2026-01.csv", "azure/ea/2026-02.csv", "usage/other/a.json", "api/a.json", "README.txt"):
        put(inbox / key, b"x")
    for key in (".git/config", "azure/.hidden", "lake/cache/1.json"):
        put(inbox / key, b"x")
    lake = Lake(open_storage(inbox / "lake"))
    report = tell_unread(open_storage(inbox), lake)
    assert (report.found, report.rejected, report.landed) == (4, 4, 0)
    assert "inbox/azure/ea: rejected: azure/ea/2026-01.csv: no feed reads this folder (2 files)" in report.messages[2]
    assert "there are api/wso2/, aws_cur/, catalog/, edge/, focus/, usage/cloudevents/" in report.messages[2]
    told = [(row["source"], row["uri"], row["status"]) for row in lake.deliveries() if row["source"] == "inbox"]
    assert sorted(uri for _, uri, _ in told) == [
        *("README.txt", "api/a.json", "azure/ea/2026-01.csv", "azure/ea/2026-02.csv", "usage/other/a.json")
    ]
    for folder in ("azure", "usage"):
        shutil.rmtree(inbox / folder)
    assert tell_unread(open_storage(inbox), lake).rejected == 2


def test_landings_are_cut_by_size(inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when a backlog of samples must fit into one landing."""
    monkeypatch.setattr(landing, "DELIVERIES_PER_LANDING", 3)
    for number in range(7):
        sample_file(inbox, f"{number}.json", (number, JANUARY))
    report, lake = run("edge", inbox, tmp_path / "lake")
    assert report.landed == 7
    assert len(lake.manifests()) == 3
    assert rows(lake, "edge.samples").height == 7


def test_a_reader_that_loses_a_row_lands_nothing(inbox: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when rows in = rows loaded + rows quarantined is not checked against the rows' own numbers."""
    manual(inbox, {"1.csv": csv_bytes([line(), line(), line()])})
    read = aws_cur.read

    def careless(storage: Storage, found: Found, contract: Contract) -> Iterator[Rows]:
        for batch in read(storage, found, contract):
            batch.good = batch.good.filter(pl.col("source_row") != 2)
            yield batch

    monkeypatch.setattr(aws_cur, "read", careless)
    with pytest.raises(AssertionError, match=r"1\.csv: 3 rows present, 2 loaded or quarantined"):
        land("aws_cur", open_storage(inbox), lake)
    assert tree(Path(lake.storage.uri)) == {}


def test_control_totals_are_exact_per_currency(inbox: Path, tmp_path: Path) -> None:
    """Fails when a digit is lost in a sum, currencies are added up, or a quarantined amount is left out (fault 33)."""
    amounts = ["12345678901234567890.123456789012345678", "0.000000000000000001", "-3.5"]
    lines = [line(unblendedcost=amount) for amount in amounts]
    lines += [line(currencycode="EUR", unblendedcost="7.25"), line(usagestartdate="?", unblendedcost="0.5")]
    lines += [line(currencycode="", unblendedcost="4")]
    manual(inbox, {"1.csv": csv_bytes(lines)})
    report, lake = run("aws_cur", inbox, tmp_path / "lake")
    expected = Decimal("12345678901234567886.623456789012345679")
    by_currency = {row["currency"]: row for row in lake.totals()}
    usd, eur, none = by_currency["USD"], by_currency["EUR"], by_currency[None]
    assert (usd["amount_landed"], usd["amount_quarantined"], usd["rows_in"]) == (expected, Decimal("0.5"), 4)
    assert str(usd["amount_delivered"]) == "12345678901234567887.123456789012345679"
    assert (eur["amount_landed"], eur["rows_loaded"], eur["rows_quarantined"]) == (Decimal("7.25"), 1, 0)
    assert (none["amount_landed"], none["amount_quarantined"], none["rows_quarantined"]) == (0, 4, 1)
    assert report.control_totals == {"USD": usd["amount_delivered"], "EUR": eur["amount_delivered"]}
    assert [row["control_total"] for row in lake.deliveries()] == [None]  # three currencies have no sum


def test_content_that_comes_back_is_current_again(inbox: Path, tmp_path: Path) -> None:
    """Fails when the first content comes again as the newest version, and the lake keeps the second (fault 6)."""
    one, two = (gz(csv_bytes([line(unblendedcost=amount)])) for amount in ("1", "2"))
    for assembly, content, day in (("a1", one, "01"), ("a2", two, "02"), ("a3", one, "03")):
        legacy(inbox, {"1.csv.gz": content}, assembly, at=f"2026-02-{day}T00:00:00Z")
        report, lake = run("aws_cur", inbox, tmp_path / "lake")
        total = rows(lake, "aws_cur.line_items")["line_item_unblended_cost"].sum()
        assert total == {"a1": 1, "a2": 2, "a3": 1}[assembly]
    assert (report.landed, report.unchanged) == (0, 1)
    assert {(row["status"], row["control_total"]) for row in lake.deliveries()} == {("complete", 1), ("superseded", 2)}
    before = tree(tmp_path / "lake")
    run("aws_cur", inbox, tmp_path / "lake")
    assert tree(tmp_path / "lake") == before


def test_rows_stream_into_row_groups(inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when rows are lost or reordered where a row group ends."""
    monkeypatch.setattr(parquet, "ROWS_PER_GROUP", 7)
    manual(inbox, {"1.csv": csv_bytes([line(unblendedcost=str(number)) for number in range(100)])})
    _, lake = run("aws_cur", inbox, tmp_path / "lake")
    assert rows(lake, "aws_cur.line_items")["line_item_unblended_cost"].to_list() == list(range(100))


def test_what_does_not_land_is_observed_until_it_does(inbox: Path, tmp_path: Path) -> None:
    """Fails when an incomplete delivery leaves no trace, or its trace outlives it or its month's scan (faults 4, 5)."""
    for month, tail in (("20260101-20260201", "2026-01"), ("20260201-20260301", "2026-02")):
        text = csv_bytes([line(billingperiodstartdate=f"{tail}-01T00:00:00Z")])
        legacy(inbox, {"1.csv.gz": gz(text)}, month=month)
        (inbox / f"aws_cur/{PAYER}/cur/daily/{month}/a1/1.csv.gz").rename(inbox / tail)
    _, lake = run("aws_cur", inbox, tmp_path / "lake")
    assert [(f"{row['billing_period']:%Y-%m}", row["status"]) for row in lake.deliveries()] == [
        ("2026-01", "incomplete"),
        ("2026-02", "incomplete"),
    ]
    (inbox / "2026-01").rename(inbox / f"aws_cur/{PAYER}/cur/daily/20260101-20260201/a1/1.csv.gz")
    _, lake = run("aws_cur", inbox, tmp_path / "lake", "2026-01")
    assert sorted((f"{row['billing_period']:%Y-%m}", row["status"]) for row in lake.deliveries()) == [
        ("2026-01", "complete"),
        ("2026-02", "incomplete"),
    ]


def test_a_month_depends_on_what_can_change_it_alone(inbox: Path, tmp_path: Path) -> None:
    """Fails when new input leaves a month's hash as it was, or input of other months changes it; the last hash is
    of what has no month."""

    def hashes() -> list[str]:
        for feed in (*FEEDS, "cloudevents"):
            run(feed, inbox, tmp_path / "lake")
        lake = Lake(open_storage(tmp_path / "lake"))
        months = [lake.inputs_hash(period) for period in ("2025-11", "2025-12", "2026-01", "2026-02")]
        return [*months, lake.reference_hash()]

    def changed(before: list[str], after: list[str]) -> list[bool]:
        return [one != other for one, other in zip(before, after, strict=True)]

    first = hashes()
    assert hashes() == first
    manual(inbox, {"1.csv": csv_bytes([line()])})
    bill = hashes()
    assert changed(first, bill) == [False, False, True, False, False]
    sample_file(inbox, "1.json", (1, JANUARY))
    samples = hashes()
    assert changed(bill, samples) == [False, True, True, True, False]  # December: its last hours in zones behind UTC
    put(inbox / "catalog/2026-01-01/parties.csv", b"party_id,name,role\nA,a,vendor\n")
    catalog = hashes()
    assert changed(samples, catalog) == [True, True, True, True, True]
    event = b'{"specversion":"1.0","id":"1","source":"s","type":"t","subject":"a:b",'
    event += b'"time":"2026-02-10T00:00:00Z","data":{"value":1}}\n'
    put(inbox / "usage/cloudevents/gateway/1.ndjson", event)
    assert changed(catalog, hashes()) == [False, False, True, True, True]


def test_a_bucket_lands_as_a_folder_does(inbox: Path, tmp_path: Path, s3: Callable[[], str]) -> None:
    """Fails when an inbox or lake in S3 gives other Parquet or other manifests than folders (fault 15)."""
    a_world(inbox)
    bucket = s3()
    remote, lake = open_storage(f"{bucket}/inbox"), Lake(open_storage(f"{bucket}/lake"))
    for file in open_storage(inbox).files():
        remote.write(file.key, inbox / file.key)
    for feed in FEEDS:
        here, local = run(feed, inbox, tmp_path / "lake")
        there = land(feed, remote, lake)
        assert (there.landed, there.rows_in, there.control_totals) == (here.landed, here.rows_in, here.control_totals)
        again = land(feed, remote, lake)
        assert (again.landed, again.unchanged) == (0, here.landed)
    far = {file.key: lake.storage.read_bytes(file.key) for file in lake.storage.files("landed/")}
    assert far == {key: data for key, data in tree(tmp_path / "lake").items() if key.startswith("landed/")}
    assert [uri.removeprefix(f"{bucket}/lake/") for uri in lake.current_files("edge.samples")] == [
        uri.removeprefix(f"{tmp_path}/lake/") for uri in local.current_files("edge.samples")
    ]
    assert lake.inputs_hash("2026-01") == local.inputs_hash("2026-01")


def test_a_key_that_leads_out_of_the_inbox_is_rejected(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, inbox: Path
) -> None:
    """Fails when a bucket's key with `..` in it breaks the run or is opened (fault 14)."""
    sample_file(inbox, "1.json", (1, JANUARY))
    odd = File("edge/telegraf/h1/../../../secret.json", 5, "5-1", "2026-01-01T00:00:00+00:00")
    files = Folder.files

    def with_odd_key(self: Folder, prefix: str = "") -> Iterator[File]:
        yield from files(self, prefix)
        if prefix == "edge/":
            yield odd

    monkeypatch.setattr(Folder, "files", with_odd_key)
    report = land("edge", open_storage(inbox), lake)
    assert (report.landed, report.rejected) == (1, 1)
    assert any("secret.json" in message for message in report.messages)


def test_manifests_hold_no_clock_and_no_place(inbox: Path, tmp_path: Path) -> None:
    """Fails when a manifest says when or where it was written: two landings of one inbox would differ."""
    a_world(inbox)
    _, lake = run("edge", inbox, tmp_path / "lake")
    (key,) = [file.key for file in lake.storage.files("manifests/")]
    text = lake.storage.read_bytes(key).decode()
    assert str(tmp_path) not in text and "landed_at" not in json.loads(text)
    assert all(row["landed_at"] is not None for row in lake.deliveries())


def test_every_feed_has_a_source_that_finds_and_reads() -> None:
    """Fails when a source file is not found by its name, or a helper beside it passes for a feed."""
    from ingestion.inbox import feeds, source

    assert set(FEEDS) <= set(feeds())
    assert source("catalog") is catalog
    assert not any("_" in feed.removeprefix("aws_") for feed in feeds())
    with pytest.raises(KeyError, match="no feed 'nothing'"):
        source("nothing")
