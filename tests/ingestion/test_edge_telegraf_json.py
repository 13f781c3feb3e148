"""Telegraf JSON in the shapes its serializer writes."""

from __future__ import annotations

import json

import pytest
from edge_inbox import read

from ingestion.deliveries import Refused

METRIC = '{"fields":{"v":%s},"name":"m","tags":{"host":"elm","cpu":"0","replica":"b"},"timestamp":%s}'


@pytest.mark.outside
def test_telegrafs_own_nested_sample_is_flattened(outside_data):
    """Fails when nested fields get other names than Telegraf gives them, or a field is lost."""
    result = read((outside_data / "telegraf/serializers/json/testcases/nested_fields_out.json").read_bytes())
    good = result.good
    assert good["series"].to_list() == [
        "in_id-1234_address",
        "in_id-1234_status",
        "in_id-0000_status",
        "in_id-5678_address",
        "in_id-5678_status",
        "in_hops",
        "in_latency",
    ]
    assert good["text_value"].to_list() == ["AB1A", "online", "offline", "0000", "online", None, None]
    assert [str(value) for value in good["value"][5:]] == ["10.000000000000", "1.230000000000"]
    assert good["source"].unique().to_list() == ["myhost"]
    assert good["labels"].unique().to_list() == ['{"type":"diagnostic"}']
    assert {str(moment) for moment in good["sampled_at"]} == {"2022-10-17 11:32:30"}


@pytest.mark.outside
@pytest.mark.parametrize(
    "path",
    [
        "serializers/json/testcases/transformation_batch_out.json",
        "inputs/cloudwatch_metric_streams/testdata/records.json",
        "serializers/cloudevents/testcases/batch-events/expected.json",
    ],
)
def test_json_that_is_no_telegraf_metric_is_refused(outside_data, path):
    """Fails when another producer's JSON is half read (10)."""
    with pytest.raises(Refused, match="is a Telegraf metric"):
        read((outside_data / "telegraf" / path).read_bytes())


@pytest.mark.parametrize(
    "text",
    [
        '{"metrics":[A,B]}',
        '{"metrics":[A,\n  B]}\n',
        "A\nB\n",
        "A\r\n\r\nB",
        '\n{"metrics":[A]}\n{"metrics":[B]}\n',
        "[A,B]",
    ],
)
def test_batches_arrays_and_lines_are_the_same_samples(text):
    """Fails when the shape of a file changes what is read."""
    one, two = METRIC % ("1.5", 1767225600), METRIC % ("18446744073709551615", 1767225601)
    good = read(text.replace("A", one).replace("B", two).encode()).good
    assert [str(value) for value in good["value"]] == ["1.500000000000", "18446744073709551615.000000000000"]
    assert good["source_row"].to_list() == [1, 2]
    assert good["labels"].unique().to_list() == ['{"cpu":"0"}']


@pytest.mark.parametrize(
    ("stamp", "moment"),
    [
        ("1767225600", "2026-01-01 00:00:00"),
        ("1767225600.25", "2026-01-01 00:00:00.250000"),
        ("1767225600123", "2026-01-01 00:00:00.123000"),
        ("1767225600123456", "2026-01-01 00:00:00.123456"),
        ("1767225600123456789", "2026-01-01 00:00:00.123456"),
        ('"2026-01-01T01:00:00+01:00"', "2026-01-01 00:00:00"),
        ("0", "1970-01-01 00:00:00"),
    ],
)
def test_the_magnitude_tells_the_unit_of_time(stamp, moment):
    """Fails when seconds, milli-, micro- or nanoseconds are taken for one another."""
    assert [str(at) for at in read((METRIC % (1, stamp)).encode()).good["sampled_at"]] == [moment]


@pytest.mark.parametrize(
    ("value", "stamp", "reason"),
    [
        ("1", "null", "no_timestamp"),
        ("1", '"30 Feb"', "bad_timestamp"),
        ("1", '"2026-02-30T00:00:00Z"', "bad_timestamp"),
        ("1", '"infinity"', "bad_timestamp"),
        ("1", "1e999999", "bad_timestamp"),
        ("1", "1e99999999999999999999", "bad_timestamp"),
        ("1", "{}", "bad_timestamp"),
        ("1", "[1767225600]", "bad_timestamp"),
        ("1", '"1767225600"', "bad_timestamp"),
        ("NaN", "1767225600", "not_finite"),
        ("-Infinity", "1767225600", "not_finite"),
        ("1e400", "1767225600", "not_finite"),
        ("1e99999999999999999999", "1767225600", "too_many_digits"),
        ("1e27", "1767225600", "too_many_digits"),
        ("9" * 27, "1767225600", "too_many_digits"),
        ("99999999999999999999999999.9999999999995", "1767225600", "too_many_digits"),
        ("null", "1767225600", "no_value"),
        ("{}", "1767225600", "malformed_metric"),
    ],
)
def test_bad_values_and_times_are_quarantined_by_name(value, stamp, reason):
    """Fails when a value or time is guessed, or the good metric beside it is lost (22, 23, 24)."""
    lines = METRIC % (value, stamp) + "\n" + METRIC % (2, 1767225600) + "\n"
    result = read(lines.encode())
    assert result.reasons == [reason]
    assert result.values() == {"m_v": "2.000000000000"}
    assert result.numbered() == [1, 2]


def test_what_was_read_before_decides_nothing_of_a_time():
    """Fails when a time in quotes is taken for the number of that spelling, where such a number came before it (24)."""
    number, quoted = METRIC % (1, "1767225777"), METRIC % (2, '"1767225777"')
    for lines in ((number, quoted), (quoted, number)):
        assert read("\n".join(lines).encode()).reasons == ["bad_timestamp"]


def test_malformed_lines_are_quarantined_with_their_offset():
    """Fails when a bad line takes good ones with it or its place is not named (27, 44)."""
    good = METRIC % (1, 1767225600)
    text = f'{good}\n{{"fields":\n{good}\n{good[:-1]},"name":"x"}}\n[[[[\n"x"\n{METRIC % (1, 1767225600)}'
    result = read(text.encode())
    assert len(result.good) == 3
    assert result.reasons == ["malformed_json", "malformed_json", "malformed_json", "malformed_metric"]
    places = [json.loads(payload)["offset"] for payload in result.rejected["payload"]]
    assert places == [text.index('{"fields":\n'), text.index(f"{good[:-1]},"), text.index("[[[["), text.index('"x"\n')]


def test_deep_nesting_and_half_characters_do_not_crash():
    """Fails when a hostile document ends the run instead of the file (10)."""
    half = METRIC.replace('"m"', '"\\ud800"') % (1, 1767225600)
    assert read(f"{METRIC % (1, 1)}\n{half}\n".encode()).reasons == ["malformed_json"]
    with pytest.raises(Refused, match="malformed JSON"):
        read(b"[" * 100_000)
    deep = '{"a":' * 5000 + "1" + "}" * 5000
    with pytest.raises(Refused):
        read((METRIC % (deep, 1)).encode())
