"""Agents' SQLite files, also those copied while the agent wrote them (fault 43)."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing

import pytest
from edge_inbox import read
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.deliveries import Refused

SCHEMA = """
create table samples (id integer primary key, measurement text, field text, tags text, sampled_at integer, value);
create table meta (key text primary key, value text);
"""
AT = 1_767_225_600_000_000_000


def database(path, rows, meta=None, journal="delete") -> bytes:
    """A file as the agent leaves it; rows are (measurement, field, tags, sampled_at, value)."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"pragma journal_mode = {journal}")
        connection.executescript(SCHEMA)
        connection.executemany(
            "insert into samples (measurement, field, tags, sampled_at, value) values (?, ?, ?, ?, ?)", rows
        )
        connection.executemany("insert into meta values (?, ?)", (meta or {}).items())
        connection.commit()
    return path.read_bytes()


def sample(value, at=AT, tags='{"host":"elm","replica":"a","interface":"eth0"}'):
    return ("net", "bytes", tags, at, value)


def test_values_are_exact_as_integers_texts_and_doubles(tmp_path):
    """Fails when a number of the file changes on its way, or a text becomes a number."""
    values = [
        9007199254740993,
        "18446744073709551615",
        0.1,
        "0.0000000000005",
        "-2.50",
        1e-13,
        "up",
        "true",
        "10.0.0.1",
    ]
    result = read(database(tmp_path / "a.db", [sample(value) for value in values]), "a.db", "sqlite")
    assert [None if value is None else str(value) for value in result.good["value"]] == [
        "9007199254740993.000000000000",
        "18446744073709551615.000000000000",
        "0.100000000000",
        "1E-12",
        "-2.500000000000",
        "0E-12",
        None,
        None,
        None,
    ]
    assert result.good["text_value"].to_list()[6:] == ["up", "true", "10.0.0.1"]
    assert result.good.select("source", "series", "labels").unique().rows() == [
        ("elm", "net_bytes", '{"interface":"eth0"}')
    ]


def test_the_host_is_the_tag_else_the_files_own_else_the_folder(tmp_path):
    """Fails when samples are booked on another host than the one that measured."""
    rows = [sample(1), sample(2, tags="{}"), sample(3, tags=None)]
    named = read(database(tmp_path / "a.db", rows, {"host": "yew", "row_count": "3"}), "a.db", "sqlite")
    assert named.good["source"].to_list() == ["elm", "yew", "yew"]
    assert read(database(tmp_path / "b.db", rows), "b.db", "sqlite").good["source"].to_list() == ["elm", "oak", "oak"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (sample(None), "no_value"),
        (sample(b"\x01"), "not_a_number"),
        (sample(float("inf")), "not_finite"),
        (sample("NaN"), "not_finite"),
        (sample("1e400"), "not_finite"),
        (sample("1,234.56"), "not_a_number"),
        (sample("1_000"), "not_a_number"),
        (sample("１２"), "not_a_number"),
        (sample("1" * 27), "too_many_digits"),
        (sample(1, at=1767225600), "bad_timestamp"),
        (sample(1, at="2026-02-30T00:00:00Z"), "bad_timestamp"),
        (sample(1, at=None), "no_timestamp"),
        (sample(1, tags="{"), "malformed_sample"),
        (sample(1, tags="[1]"), "malformed_sample"),
        (sample(1, tags='{"a":"\\ud800"}'), "malformed_sample"),
        (("", "bytes", "{}", AT, 1), "malformed_sample"),
        ((None, "bytes", "{}", AT, 1), "malformed_sample"),
    ],
)
def test_rows_that_are_no_sample_are_quarantined_by_name(tmp_path, row, reason):
    """Fails when a bad row loads, vanishes, or takes the good one with it (22, 23, 24)."""
    result = read(database(tmp_path / "a.db", [row, sample(7, at="2026-01-01T00:00:00.5Z")]), "a.db", "sqlite")
    assert result.reasons == [reason]
    assert result.values() == {"net_bytes": "7.000000000000"}
    assert result.numbered() == [1, 2]
    assert json.loads(result.rejected["payload"][0])["line"] == 1


def test_an_id_of_any_type_costs_no_row(tmp_path):
    """Fails when a table whose ids are no integers ends the landing: an id only says where a row stands."""
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.execute("create table samples (id, measurement, field, tags, sampled_at, value)")
        for number, identifier in enumerate(("a1", b"\x01", 1.5, None, 7)):
            connection.execute("insert into samples values (?, 'net', ?, '{}', ?, 1)", (identifier, f"f{number}", AT))
        connection.execute("insert into samples values (x'ff', 'net', 'bytes', '{}', 'never', 1)")
        connection.commit()
    result = read((tmp_path / "a.db").read_bytes(), "a.db", "sqlite")
    assert sorted(result.values()) == [f"net_f{number}" for number in range(5)]
    assert result.reasons == ["bad_timestamp"]
    assert result.numbered() == [1, 2, 3, 4, 5, 6]


def test_a_file_copied_while_open_is_read_with_its_log(tmp_path):
    """Fails when rows that lie only in the -wal are missing, though it was shipped (43)."""
    path = tmp_path / "a.db"
    database(path, [sample(1)], {"row_count": "1"}, journal="wal")
    with closing(sqlite3.connect(path)) as agent:
        agent.execute("pragma wal_autocheckpoint = 0")
        agent.executemany(
            "insert into samples (measurement, field, tags, sampled_at, value) values (?, ?, ?, ?, ?)",
            [sample(value, at=AT + value) for value in range(2, 500)],
        )
        agent.execute("update meta set value = '499'")
        agent.commit()
        main, log, memory = (
            shutil.copy(f"{path}{end}", tmp_path / f"copy{end}").read_bytes() for end in ("", "-wal", "-shm")
        )
    assert len(read(main, "a.db", "sqlite", {"-wal": log, "-shm": memory}).good) == 499
    assert len(read(main, "a.db", "sqlite", {"-wal": log}).good) == 499
    assert len(read(main, "a.db", "sqlite").good) == 1  # what the main file alone holds, and says it holds


def test_a_checkpointed_file_needs_no_log(tmp_path):
    """Fails when a file in WAL mode is refused though it is whole (43)."""
    content = database(tmp_path / "a.db", [sample(1)], {"row_count": "1"}, journal="wal")
    assert content[18:20] == b"\x02\x02"  # the header says WAL
    assert len(read(content, "a.db", "sqlite").good) == 1


def test_a_file_that_lost_rows_is_refused(tmp_path):
    """Fails when fewer rows than the agent counted are loaded as if they were all (43)."""
    with pytest.raises(Refused, match=r"oak/a.db: has 1 rows in samples where meta.row_count says 2 .*ship its -wal"):
        read(database(tmp_path / "a.db", [sample(1)], {"row_count": "2"}), "a.db", "sqlite")


@pytest.mark.parametrize("cut", [100, 1000, 4096, 9000])
def test_a_truncated_file_is_refused(tmp_path, cut):
    """Fails when the pages that are there are read although others are missing (7, 43)."""
    content = database(tmp_path / "a.db", [sample(value) for value in range(1000)], {"row_count": "1000"})
    with pytest.raises(Refused, match=r"malformed|integrity"):
        read(content[:-cut], "a.db", "sqlite")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("create table other (x)", "has no table samples"),
        ("create view samples as select 1 as id", "has no table samples"),
        ("create table samples (id integer primary key, measurement, field, tags, value)", "lacks column sampled_at"),
    ],
)
def test_a_database_of_another_schema_is_refused(tmp_path, script, message):
    """Fails when another program's database is read, or the missing column is not named (10, 17)."""
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    with pytest.raises(Refused, match=message):
        read(path.read_bytes(), "a.db", "sqlite")


def test_a_text_below_the_sqlite_folder_is_refused():
    """Fails when a file is read by another reader than its folder names (10)."""
    with pytest.raises(Refused, match="is no SQLite file"):
        read(b"m v=1 1\n", "a.db", "sqlite")


def test_an_empty_table_is_no_usage(tmp_path):
    """Fails when a file without a sample counts as a month without usage (9)."""
    with pytest.raises(Refused, match="holds no sample"):
        read(database(tmp_path / "a.db", []), "a.db", "sqlite")


@pytest.fixture(scope="module")
def intact(tmp_path_factory) -> bytes:
    rows = [sample(value, at=AT + value) for value in range(200)]
    return database(tmp_path_factory.mktemp("agent") / "a.db", rows, {"row_count": "200"})


@settings(max_examples=150, deadline=None)
@given(flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), min_size=1, max_size=30))
def test_no_damage_crashes_the_reader(intact, flips):
    """Fails when a damaged page ends the run instead of the file (43)."""
    content = bytearray(intact)
    for place, flip in flips:
        content[place % len(content)] ^= flip
    try:
        result = read(bytes(content), "a.db", "sqlite")
    except Refused:
        return
    assert result.numbered() == list(range(1, 201))
