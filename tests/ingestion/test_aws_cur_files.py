"""AWS files: compressions, damaged and foreign bytes, names; none is read as far as it goes."""

from __future__ import annotations

import io
import zipfile
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from aws_cur_inbox import (
    csv_bytes,
    find,
    gz,
    legacy,
    line,
    load,
    loaded,
    manual,
    parquet,
    read,
    refusal,
    snake_line,
    the_one,
    total,
    zipped,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.deliveries import Refused
from ingestion.storage import open_storage


@given(order=st.permutations(range(12)), cuts=st.integers(1, 4), level=st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_shuffled_and_recompressed_rows_have_the_same_totals(
    order: list[int], cuts: int, level: int, tmp_path_factory
) -> None:
    """Fails when a delivery written again in another order, cut and compression sums differently (fault 2)."""
    inbox = tmp_path_factory.mktemp("inbox")
    costs = ["0.1", "-7.0E-10", "123456789.123456789012345678", "3e-18", "-1", "1E+3", "2", "0", "5", "6", "7", "8"]
    rows = [line(unblendedcost=costs[position]) for position in order]
    files = {f"{i}.csv.gz": gz(csv_bytes(rows[i::cuts]), level) for i in range(cuts)}
    legacy(inbox, files)
    good, rejected = load(inbox)
    assert (good.height, rejected.height) == (12, 0)
    assert total(good) == sum(map(Decimal, costs))


def test_zipped_and_gzipped_and_plain_files_read_the_same(tmp_path: Path) -> None:
    """Fails when one of the producer's compressions is misread."""
    data = csv_bytes([line(), line(unblendedcost="2")])
    files = {"x.csv": data, "x.csv.gz": gz(data), "x.csv.zip": zipped({"a.csv": data})}
    seen = [loaded(tmp_path / name, content, name)[0].drop("source_file") for name, content in files.items()]
    assert seen[0].height == 2 and all(frame.equals(seen[0]) for frame in seen)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("page.csv", b"<!DOCTYPE html><html><body>Access denied</body></html>"),
        ("error.csv.gz", b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"),
        ("other.csv", b"SubscriptionId,CostInBillingCurrency\n1,2\n"),
        ("binary.csv", bytes(range(256)) * 20),
        ("cut.csv.gz", gz(csv_bytes([line()] * 500))[:-30]),
        ("flipped.csv.gz", gz(csv_bytes([line()] * 5))[:-8] + b"\0\0\0\0" + gz(csv_bytes([line()] * 5))[-4:]),
        ("cut.csv.zip", zipped({"a.csv": csv_bytes([line()] * 500)})[:-40]),
        ("cut.parquet", parquet(pa.Table.from_pylist([snake_line()]))[:-20]),
        ("empty.csv", b""),
        ("short.csv", b"\n"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",  # not their bytes: an archive's have the time in them
)
def test_a_file_that_is_none_of_ours_refuses_the_delivery(name: str, data: bytes, tmp_path: Path) -> None:
    """Fails when a damaged or foreign file is read as far as it goes (faults 7, 8, 9, 10)."""
    legacy(tmp_path, {name: data})
    with pytest.raises(Refused, match=name.replace(".", r"\.")):
        load(tmp_path)


@given(data=st.binary(max_size=400))
@settings(max_examples=60, deadline=None)
def test_no_bytes_break_the_reader(data: bytes, tmp_path_factory) -> None:
    """Fails when foreign bytes end in anything but a refusal, also behind a known magic (fault 10)."""
    inbox = tmp_path_factory.mktemp("inbox")
    for name, content in (
        ("raw.csv", data),
        ("raw.csv.gz", b"\x1f\x8b" + data),
        ("raw.parquet", b"PAR1" + data),
        ("raw.zip", b"PK\x03\x04" + data),
    ):
        legacy(inbox, {name: content})
        with pytest.raises(Refused):
            read(inbox, the_one(inbox))


def test_an_archive_is_only_a_compression(tmp_path: Path) -> None:
    """Fails when a member's name becomes a path, or a nested, double, empty or oversized archive is read (fault 13)."""
    data = csv_bytes([line()])
    good, _ = loaded(tmp_path / "name", zipped({"../../etc/x.csv": data}), "x.csv.zip")
    assert good.height == 1 and good["source_file"][0].endswith("first/x.csv.zip")
    archives = {
        "two": zipped({"a.csv": data, "b.csv": data}),
        "none": zipped({}),
        "nested": zipped({"a.csv": zipped({"b.csv": data})}),
        "bomb": zipped({"a.csv": data + b"0" * (300 << 20)}),
    }
    for name, archive in archives.items():
        assert "x.csv.zip" in refusal(tmp_path / name, archive, "x.csv.zip")
    locked = bytearray(zipped({"a.csv": data}))
    for header in (b"PK\x03\x04", b"PK\x01\x02"):  # the flag stands 6 bytes into the one and 8 into the other
        locked[locked.index(header) + (6 if header == b"PK\x03\x04" else 8)] |= 1
    assert "encrypted" in refusal(tmp_path / "locked", bytes(locked), "x.csv.zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_damaged_archive_is_refused_however_it_is_packed(method: int, tmp_path: Path) -> None:
    """Fault 7. Fails when the error of one way of packing is not known for one, and ends the landing of every payer."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as archive:
        archive.writestr("1.csv", csv_bytes([line()] * 50))
    assert loaded(tmp_path / "whole", sink.getvalue(), "x.zip")[0].height == 50
    for place in range(45, len(sink.getvalue()) - 90, 23):
        damaged = bytearray(sink.getvalue())
        damaged[place] ^= 255
        assert "x.zip: " in refusal(tmp_path / f"{place}", bytes(damaged), "x.zip")


def test_a_file_changed_after_it_was_found_is_not_read(tmp_path: Path) -> None:
    """Fails when the bytes of one delivery are mixed with those of the next (fault 15)."""
    manual(tmp_path, {"x.csv": csv_bytes([line()])})
    found = the_one(tmp_path)
    (tmp_path / found.files[0].key).write_bytes(csv_bytes([line(unblendedcost="9")] * 2))
    with pytest.raises(Exception, match="changed after it was listed"):
        read(tmp_path, found)


def test_names_may_hold_any_character(tmp_path: Path) -> None:
    """Fails when a quote, a new line or a letter beyond ASCII in a name breaks finding or reading (fault 14)."""
    legacy(tmp_path, {'it\'s "a";--\n é.csv': csv_bytes([line()])}, report="dé;'ly")
    good, _ = load(tmp_path)
    assert good["source_file"][0].endswith('it\'s "a";--\n é.csv')


def test_the_inbox_may_be_listed_again(tmp_path: Path) -> None:
    """Fails when finding twice gives two answers."""
    legacy(tmp_path, {"x.csv": csv_bytes([line()])})
    assert find(tmp_path) == find(open_storage(tmp_path))
