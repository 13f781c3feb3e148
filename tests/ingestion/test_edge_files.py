"""Which files are deliveries of a host, and which are refused before a row of them is read."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import pytest
from edge_inbox import CONTRACT, found_in, inbox_with, read
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.contracts import REJECTED_SCHEMA
from ingestion.deliveries import Refused, Terms
from ingestion.sources import edge

LINES = b"".join(b"net,host=elm,interface=eth0 bytes=%di %d\n" % (n, 1_767_225_600_000_000_000 + n) for n in range(500))


def test_each_file_is_a_delivery_and_an_agents_log_belongs_to_its_database(tmp_path):
    """Fails when a companion becomes a delivery of its own, or a file of another format is passed over."""
    found = found_in(
        tmp_path,
        {
            "edge/telegraf/elm/2026/a.json": b"{}",
            "edge/telegraf/oak/b.influx.gz": b"x",
            "edge/telegraf/oak/.c.influx": b"x",
            "edge/telegraf/oak/empty.out": b"",
            "edge/telegraf/loose.json": b"{}",
            "edge/sqlite/elm/s.db": b"x",
            "edge/sqlite/elm/s.db-wal": b"x",
            "edge/sqlite/elm/s.db-shm": b"x",
            "edge/sqlite/elm/lost.db-wal": b"x",
            "edge/vector/elm/v.ndjson": b"x",
            "edge/pigeon/elm/p.txt": b"x",
            "aws_cur/123/x.csv": b"x",
        },
    )
    assert [(one.account, one.name, one.status) for one in found] == [
        ("elm", "p.txt", "rejected"),
        ("elm", "lost.db", "incomplete"),
        ("elm", "s.db", "complete"),
        ("elm", "2026/a.json", "complete"),
        ("", "edge/telegraf/loose.json", "rejected"),
        ("oak", ".c.influx", "incomplete"),
        ("oak", "b.influx.gz", "complete"),
        ("oak", "empty.out", "held"),
        ("elm", "v.ndjson", "complete"),
    ]
    assert [file.key for file in found[2].files] == [f"edge/sqlite/elm/s.db{end}" for end in ("", "-shm", "-wal")]
    assert all(one.reason for one in found if one.status != "complete")
    assert {(one.feed, one.table, one.period) for one in found} == {("edge", "samples", None)}


def test_the_same_samples_packed_or_under_another_name_are_the_same_rows():
    """Fails when name or packing changes what is read (1)."""
    plain = read(LINES).good.drop("source_file")
    assert read(gzip.compress(LINES), "other.gz").good.drop("source_file").equals(plain)
    assert read(gzip.compress(LINES), "no-ending").good.drop("source_file").equals(plain)
    assert read(gzip.compress(LINES[:999]) + gzip.compress(LINES[999:]), "two").good.drop("source_file").equals(plain)
    assert len(plain) == 500


def test_rows_have_the_contracts_columns_and_types():
    """Fails when the reader and the contract disagree about a column."""
    (batch,) = read(LINES).batches
    assert batch.period == "2026-01"
    assert dict(batch.good.schema) == dict(CONTRACT.schema())
    assert dict(batch.rejected.schema) == dict(REJECTED_SCHEMA)


def test_rows_of_several_months_come_month_by_month_in_utc():
    """Fails when a sample at a month's last instant lies in the next month's partition."""
    result = read(b"m v=1 1769903999999999999\nm v=2 1769904000000000000\nm v=x 1\n")
    assert [(batch.period, len(batch.good)) for batch in result.batches] == [("", 0), ("2026-01", 1), ("2026-02", 1)]


@pytest.mark.parametrize("cut", [1, 8, 200])
def test_a_truncated_archive_is_refused(cut):
    """Fails when the readable part of a cut-off file is loaded as if it were all (7)."""
    with pytest.raises(Refused, match=r"oak/a.gz: is broken gzip .* send it again"):
        read(gzip.compress(LINES)[:-cut], "a.gz")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 255))
def test_no_flipped_byte_of_an_archive_changes_a_value(place, flip):
    """Fails when damage inside gzip is loaded; the header's name and time may differ without harm (8)."""
    packed = bytearray(gzip.compress(LINES, mtime=0))
    packed[place % len(packed)] ^= flip
    try:
        result = read(bytes(packed), "a.gz")
    except Refused:
        return
    assert result.good["value"].equals(read(LINES).good["value"]) and result.rejected.is_empty()


def test_a_wrong_checksum_is_refused():
    """Fails when the checksum at the end of gzip is not compared (8)."""
    packed = bytearray(gzip.compress(LINES))
    packed[-8] ^= 1
    with pytest.raises(Refused, match="CRC"):
        read(bytes(packed))
    assert zlib.crc32(LINES) != int.from_bytes(packed[-8:-4], "little")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!DOCTYPE html><html><body>503</body></html>", "is HTML or XML"),
        (b"\n <Error><Code>AccessDenied</Code></Error>", "is HTML or XML"),
        (b"PAR1" + bytes(40), "holds a NUL"),
        (b"SQLite format 3\0" + bytes(84), "SQLite file among texts"),
        (b"m v=1 1000\nm v=\xff 1000\n", "is not utf-8 at byte 15"),
        (b"m v=1 1000\n" * 200_000 + b"\xc3", "is not utf-8 at byte 2200000"),
        ("m,t=é v=1 1000\n".encode("latin-1"), "is not utf-8 at byte 4"),
        ("m v=1 1000\n".encode("utf-16-le"), "holds a NUL"),
        (b"\xff\xfem\0 \0v", "is not utf-16-le at byte"),
        (b'{"metrics": [{"name": "m", "fields": {"v": 1}, "timestamp": 1767225600}', "is malformed JSON"),
        (b'{"eventVersion": "1.08", "userIdentity": {}}', "none of 1 objects"),
        (b"# only a comment\n\n", "holds no sample"),
        (b'{"metrics": []}', "holds no sample"),
        (gzip.compress(b"", mtime=0), "holds no sample"),
    ],
)
def test_what_is_no_samples_is_refused_with_its_place(content, message):
    """Fails when a wrong, binary, wrongly encoded or empty file loads rows or crashes (9, 10, 26)."""
    with pytest.raises(Refused, match=message) as refused:
        read(content)
    assert "edge/telegraf/oak/metrics.out" in str(refused.value) and "edge.samples 1." in str(refused.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_names_the_encoding(encoding):
    """Fails when a mark becomes part of the first name, or the text is read as another encoding (25, 26)."""
    assert read("mé v=1 1000\n".encode(encoding)).good["series"].to_list() == ["mé_v"]
    text = '{"name":"mé","fields":{"v":1},"timestamp":1}'
    assert read(text.encode(encoding)).good["series"].to_list() == ["mé_v"]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["telegraf", "sqlite"]), st.booleans())
def test_any_bytes_are_read_quarantined_or_refused(content, kind, packed):
    """Fails when a file can make the reader crash instead of refusing it (10, 44)."""
    try:
        result = read((gzip.compress(content) if packed else content) or b"#", kind=kind)
    except Refused:
        return
    assert result.numbered() == list(range(1, len(result.good) + len(result.rejected) + 1))


@settings(max_examples=300, deadline=None)
@given(st.text('{}[]":,\\u0dDnametricsfldgp1.5e-Ntrue \n', max_size=120), st.sampled_from(["{", "[", '{"metrics":[']))
def test_anything_that_looks_like_json_is_read_quarantined_or_refused(text, start):
    """Fails when malformed JSON crashes the reader (10, 44)."""
    try:
        result = read((start + text).encode("utf-8", "replace"))
    except Refused:
        return
    assert result.numbered() == list(range(1, len(result.good) + len(result.rejected) + 1))


def test_a_host_may_be_named_anything(tmp_path):
    """Fails when quotes, blanks or letters of other scripts in a folder's or file's name break reading (14)."""
    key = "edge/telegraf/o'ak \";-- ü/%2e%2e\n.out"
    inbox = inbox_with(Path(tmp_path), {key: LINES.replace(b",host=elm", b"")})
    (found,) = edge.find(inbox, None, Terms())
    (batch,) = edge.read(inbox, found, CONTRACT)
    assert batch.good["source"].unique().to_list() == ["o'ak \";-- ü"]
    assert batch.good["source_file"].unique().to_list() == [key]
