"""Line protocol: right answers where the corpus has them, nothing lost where it has not."""

from __future__ import annotations

import base64
import gzip
import json
from decimal import ROUND_HALF_UP, Context, Decimal
from io import BytesIO

import pytest
from edge_inbox import read
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingestion.deliveries import Refused
from ingestion.sources import edge_line_batches
from ingestion.sources.edge_line_protocol import Entry, Malformed, parse

CONVERT = {"int": int, "uint": int, "float": float, "bool": "true".__eq__, "string": str.encode}


def decode_cases(outside_data):
    """(input bytes, output) of every decode case; all outputs are the reference implementation's."""
    folder = outside_data / "line-protocol-corpus" / "corpus.public.ndjson.gz"
    with gzip.open(folder) as lines:
        for line in lines:
            case = json.loads(line)
            if case["part"] == "decode":
                yield raw(case["case"]["input"]["text"]), case["case"]["output"]


def raw(text: str | dict) -> bytes:
    return base64.b64decode(text["binary"]) if isinstance(text, dict) else text.encode("utf-8")


def expected(point: dict) -> tuple:
    fields = []
    for field in point["fields"]:
        ((kind, value),) = field["value"].items()
        fields.append((raw(field["key"]), kind, raw(value) if kind == "string" else value))
    return raw(point["name"]), [(raw(tag["key"]), raw(tag["value"])) for tag in point["tags"]], fields


def as_expected(entry: Entry) -> tuple:
    fields = [(field.key.encode(), field.kind, CONVERT[field.kind](field.text)) for field in entry.fields]
    return entry.measurement.encode(), sorted((key.encode(), value.encode()) for key, value in entry.tags), fields


@pytest.mark.outside
def test_every_case_of_the_corpus_is_decided_as_the_reference_decides_it(outside_data):
    """Fails when a line is taken that the reference refuses, refused that it takes, or read as something else."""
    cases = 0
    for text, output in decode_cases(outside_data):
        entries = list(parse(text))
        refused = [entry for entry in entries if isinstance(entry, Malformed)]
        if "error" in output:
            assert refused, text
        else:
            assert not refused, text
            assert [as_expected(entry) for entry in entries] == [expected(point) for point in output["result"]], text
        cases += 1
    assert cases == 4409


@pytest.mark.outside
def test_malformed_lines_of_the_corpus_are_quarantined_with_their_offset_and_the_others_load(outside_data):
    """Fails when a whole file of corpus lines loads a wrong value, or loses a line, or names the wrong byte (44)."""
    good, bad, text = [], [], b""
    for line, output in decode_cases(outside_data):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            continue  # the file would be refused whole (26)
        if b"\n" in line or b"\r" in line or b"\0" in line or b'"' in line:
            continue  # several lines, or a quote that would reach into the next case
        if "error" in output:
            bad.append((len(text), line))
        elif output["result"]:
            (point,) = output["result"]
            if line.rstrip().rsplit(b" ", 1)[-1].lstrip(b"-").isdigit():  # has its own time
                good += [(point, field) for field in point["fields"]]
            else:
                bad.append((len(text), line))
        text += line + b"\n"
    result = read(text)
    fits = [pair for pair in good if abs(number(pair[1])) < 10**26]
    assert len(result.good) == len(fits)
    assert result.good["series"].to_list() == [f"{point['name']}_{field['key']}" for point, field in fits]
    for value, text_value, (_, field) in zip(result.good["value"], result.good["text_value"], fits, strict=True):
        assert text_value == str(number(field)).lower() if value is None else float(value) == number(field)
    lines = [json.loads(payload) for payload in result.rejected["payload"]]
    refused = [(line["offset"], line["text"].encode()) for line in lines if "text" in line]
    assert refused == bad
    assert len(lines) - len(refused) == len(good) - len(fits)
    assert result.numbered() == list(range(1, len(good) + len(bad) + 1))
    assert len(bad) > 400 and len(fits) > 50  # the cases have samples and faults enough to mean something


def number(field: dict):
    return next(iter(field["value"].values()))


@pytest.mark.outside
@pytest.mark.parametrize(
    ("path", "samples"),
    [
        ("inputs/influxdb/testdata/cloud1.influx", 1565),
        ("inputs/cpu/testcases/default/proc1/expected.out", 170),
        ("inputs/docker/testcases/memory_stats/expected.out", 70),
        ("serializers/cloudevents/testcases/batch-events/input.influx", 170),
    ],
)
def test_what_telegraf_writes_is_read_whole(outside_data, path, samples):
    """Fails when a field of Telegraf's own test files is refused, lost or read twice."""
    text = (outside_data / "telegraf" / path).read_bytes()
    result = read(text)
    assert (len(result.good), len(result.rejected)) == (samples, 0)
    entries = [entry for entry in parse(text) if isinstance(entry, Entry)]
    assert [f"{entry.measurement}_{field.key}" for entry in entries for field in entry.fields] == result.good[
        "series"
    ].to_list()


@pytest.mark.outside
def test_telegraf_lines_without_a_time_are_quarantined_as_such(outside_data):
    """Fails when a sample gets a time nobody measured."""
    result = read((outside_data / "telegraf/parsers/openmetrics/testcases/valid_gauge/expected_v1.out").read_bytes())
    assert result.reasons == ["no_timestamp"] * 3
    assert result.good.is_empty()


def test_integers_are_exact_and_floats_keep_their_text():
    """Fails when a number passes through a double, or ties round to even (22, 23)."""
    result = read(
        b"m max=18446744073709551615u,low=-9223372036854775808i,odd=9007199254740993i 1\n"
        b"m big=12345678901234567890.123456 1\n"
        b"m tie=0.0000000000005,back=-0.0000000000015,below=0.00000000000049999,small=1e-12,zero=-0.00,e=5e-13 1\n"
    )
    assert result.values() == {
        "m_max": "18446744073709551615.000000000000",
        "m_low": "-9223372036854775808.000000000000",
        "m_odd": "9007199254740993.000000000000",
        "m_big": "12345678901234567890.123456000000",
        "m_tie": "1E-12",
        "m_back": "-2E-12",
        "m_below": "0E-12",
        "m_small": "1E-12",
        "m_zero": "0E-12",
        "m_e": "1E-12",
    }


def test_what_no_decimal_holds_is_quarantined_by_name():
    """Fails when NaN, an infinity, 1e400 or 27 digits load, or vanish (22, 23)."""
    result = read(
        b"m v=NaN 1\nm v=-Inf 1\nm v=1e400 1\nm v=1e26 1\nm v=100000000000000000000000000 1\n"
        b"m v=18446744073709551616u 1\nm v=1_000 1\nm v=1,234.56 1\nm v=0x10 1\nm v=\xef\xbc\x91 1\nm v=1 1\n"
    )
    assert result.reasons == ["not_finite"] * 3 + ["too_many_digits"] * 3 + ["malformed_line"] * 4
    assert result.values() == {"m_v": "1.000000000000"}


def test_tags_become_labels_and_replicas_of_a_pair_are_one_series():
    """Fails when two members of a high-availability pair are counted as two series (35)."""
    lines = b"".join(
        b"m,zone=b,host=elm,a\\ b=c\\,d,%s=%d v=1i 1000\n" % (label, member)
        for label in (b"replica", b"prometheus_replica", b"__replica__")
        for member in (1, 2)
    )
    good = read(lines).good
    assert good.select("source", "series", "labels", "sampled_at", "value").unique().rows()[0][:3] == (
        "elm",
        "m_v",
        '{"a b":"c,d","zone":"b"}',
    )
    assert len(good.drop("source_row").unique()) == 1


def test_a_lost_quote_costs_its_own_line_and_a_text_over_lines_costs_none():
    """Fails when one unclosed quote swallows the lines behind it, or lines inside a text are read as samples (27)."""
    result = read(b'm s="lost 1000\nm v=1 1000\nm s="two\nm v=9 1000\nlines",w=2 1000\nm t="x" 1000\nm s="cut')
    assert result.good["series"].to_list() == ["m_v", "m_s", "m_w", "m_t"]
    assert result.good["text_value"].to_list() == [None, "two\nm v=9 1000\nlines", None, "x"]
    assert [json.loads(payload)["line"] for payload in result.rejected["payload"]] == [1, 7]


def test_lines_inside_a_malformed_entry_are_quarantined_one_by_one_never_read():
    """Fails when text inside a refused line becomes a sample (27, 44)."""
    result = read(b'm s="a\nm v=1 1000\nb",w=2 12x\nm v=3 1000\n')
    assert result.values() == {"m_v": "3.000000000000"}
    assert [json.loads(payload)["offset"] for payload in result.rejected["payload"]] == [0, 7, 18]


def test_a_file_of_something_else_is_refused():
    """Fails when a bill or a log in the hosts' folder is read as a thousand malformed samples (10)."""
    with pytest.raises(Refused, match=r"oak/metrics.out: none of 12 lines .* \(contract edge.samples 1"):
        read(b"date,amount,currency\n" + b"2026-01-01,12.50,EUR\n" * 11)


WORD = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=6)
ANY_NUMBER = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=14, min_value=-(10**20), max_value=10**20).map(
        lambda value: (format(value, "f"), value)
    ),
    st.integers(-(2**63), 2**63 - 1).map(lambda value: (f"{value}i", Decimal(value))),
    st.integers(0, 2**64 - 1).map(lambda value: (f"{value}u", Decimal(value))),
)


def escaped(word: str, marks: str) -> str:
    for mark in marks:
        word = word.replace(mark, "\\" + mark)
    return word


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            # A file is told by how it begins: { and [ are JSON, < may be markup, U+FEFF is a mark, # a comment.
            WORD.filter(lambda word: word[0] not in "#{[<\ufeff" and "\\" not in word),
            st.dictionaries(WORD.filter(lambda word: "\\" not in word), ANY_NUMBER, min_size=1, max_size=4),
        ),
        min_size=1,
        max_size=20,
    ),
    st.booleans(),
)
def test_what_is_written_is_read_back_to_the_last_digit(points, padded):
    """Fails when any name or number changes between the file and the lake, by either way of reading."""
    text = "".join(
        f"{escaped(name, ', ')} "
        + ",".join(f"{escaped(key, ',= ')}={token}" for key, (token, _) in fields.items())
        + f" {1_700_000_000_000_000_000 + place}\n"
        for place, (name, fields) in enumerate(points)
    )
    filler = "m v=1i 1700000000000000000\n" * (1000 if padded else 0)  # above FEW: Polars takes the lines apart
    good = read((text + filler).encode()).good.head(sum(len(fields) for _, fields in points))
    wanted = [
        (f"{name}_{key}", value.quantize(Decimal("1e-12"), context=Context(prec=60, rounding=ROUND_HALF_UP)))
        for name, fields in points
        for key, (_, value) in fields.items()
    ]
    assert good.select("series", "value").rows() == wanted


LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [b"m v=1i 1000", b"m,t=a v=1.5,w=t 2000", b'm s="x y",v=2 3000', b'm s="a', b'b" 1000', b"# c"]
        ),
        st.binary(max_size=24),
        st.text('m,= "\\\n\r\t#10.eiu-+TtNaInf', max_size=24).map(str.encode),
    ),
    max_size=40,
)


@settings(max_examples=400, deadline=None)
@given(LINES)
@example([b'm s="', b"m v=1 1", b'" v=1 1'])
@example([b"m v=1 1\r", b"\r", b"m v=1 1"])
def test_any_bytes_are_read_or_quarantined_line_by_line_whatever_the_chunks(lines):
    """Fails on a crash, a line lost or counted twice, or an outcome that depends on how the file is cut (27, 44)."""
    text = b"\n".join(lines).replace(b"\0", b"0").decode("utf-8", "replace").encode()
    entries = list(parse(text))
    wanted = []
    for entry in entries:
        if isinstance(entry, Entry) and entry.nanoseconds is not None:
            wanted += [(entry.start, f"{entry.measurement}_{field.key}") for field in entry.fields]
        else:
            offset = entry.start
            for line in physical(text, entry):
                wanted.append((offset, None))
                offset += len(line)
    for chunk, few in ((1 << 20, 0), (1 << 20, 1 << 20), (7, 0), (64, 0)):
        assert outcome(text, chunk, few) == wanted


def physical(text: bytes, entry) -> list[bytes]:
    return BytesIO(text[entry.start : entry.end]).readlines()


def outcome(text: bytes, chunk: int, few: int) -> list[tuple[int, str | None]]:
    """(offset, series or None where refused) by the quick reader, or by the exact one where `few` is large."""
    usual = edge_line_batches.FEW, edge_line_batches.WRONG_FILE_AFTER
    edge_line_batches.FEW, edge_line_batches.WRONG_FILE_AFTER = few, 10**9
    try:
        frames = list(edge_line_batches.sample_frames(BytesIO(text), "oak", chunk))
    finally:
        edge_line_batches.FEW, edge_line_batches.WRONG_FILE_AFTER = usual
    rows = [row for frame in frames for row in frame.select("offset", "series", "reason").rows()]
    return [(offset, None if reason else series) for offset, series, reason in rows]


def test_an_open_quote_does_not_hold_the_rest_of_a_long_file(monkeypatch):
    """Fails when one quote that is never closed costs more than its line, or the file is buffered whole for it."""
    monkeypatch.setattr(edge_line_batches, "LONGEST_TEXT", 1000)
    text = b'm s="lost 1000\n' + b"m v=1i 1700000000000000000\n" * 2000
    frames = list(edge_line_batches.sample_frames(BytesIO(text), "oak", chunk=4096))
    assert sum(frame["reason"].is_not_null().sum() for frame in frames) == 1
    assert sum(map(len, frames)) == 2001
