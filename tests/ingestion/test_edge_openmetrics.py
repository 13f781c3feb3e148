"""OpenMetrics expositions: grammar against the format's own cases, and what becomes of odd lines and files cut off."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.deliveries import Refused
from tests.ingestion.edge_inbox import Result, read

WHOLE = b"""# HELP http_requests_total Requests \xc3\xbcber all.
# TYPE http_requests_total counter
http_requests_total{method="GET",host="elm",replica="b",path="a\\\\b\\"c\\n}"} 9007199254740993 1767225600.123456 # {trace="x}"} 0.5
http_requests_total{method="POST",} 1.5e3 1767225600000
process_start +7. 1767225600
load NaN 1767225600
no_time 1
twice{a="1",a="2"} 1 1767225600
# HELP http_requests_total Again.
# EOF
"""  # noqa: E501


def exposition(content: bytes) -> Result:
    return read(content, "metrics.prom", "openmetrics")


def test_samples_keep_every_digit_their_labels_and_their_time() -> None:
    """Fails when a value loses digits, a label its escapes, a replica makes a series, or times mix."""
    found = exposition(WHOLE).good.select("source", "series", "labels", "value", "sampled_at").rows()
    assert [(*row[:4], row[4].isoformat()) for row in found] == [
        ("elm", "http_requests_total", '{"method":"GET","path":"a\\\\b\\"c\\n}"}', Decimal("9007199254740993"),
         "2026-01-01T00:00:00.123456"),
        ("oak", "http_requests_total", '{"method":"POST"}', Decimal(1500), "2026-01-01T00:00:00"),
        ("oak", "process_start", "{}", Decimal(7), "2026-01-01T00:00:00"),
    ]  # fmt: skip


def test_a_bad_line_is_quarantined_with_its_place_and_the_rest_loads() -> None:
    """Fault 44. Fails when a line without a time, a label told twice, a NaN or a second HELP takes others along."""
    result = exposition(WHOLE)
    assert result.reasons == ["not_finite", "no_timestamp", "malformed_line", "duplicate_metadata"]
    assert result.numbered() == list(range(1, 8))
    kept = json.loads(result.rejected["payload"].to_list()[2])
    assert (kept["line"], kept["text"]) == (8, 'twice{a="1",a="2"} 1 1767225600')
    assert WHOLE[kept["offset"] :].startswith(b"twice{")


@pytest.mark.parametrize(
    "content", [WHOLE[:-6], WHOLE[:-7], WHOLE + b"late 1 1767225600\n", WHOLE.replace(b"EOF", b"END")]
)
def test_what_does_not_end_with_its_end_is_refused(content: bytes) -> None:
    """Fault 44. Fails when an exposition cut off (no # EOF) loads: the series it lost would look silent."""
    with pytest.raises(Refused, match=r"# EOF.*Deliver the whole exposition"):
        exposition(content)


labels = st.dictionaries(
    st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True).filter(lambda name: name not in ("host", "replica")),
    st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), min_size=1, max_size=8),
    max_size=4,
)
numbers = st.decimals("-1e12", "1e12", places=6)


@given(st.lists(st.tuples(labels, numbers, st.integers(0, 2**31)), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_whatever_labels_hold_is_read_back(samples: list[tuple[dict[str, str], Decimal, int]]) -> None:
    """Fails when a quote, brace, comma, backslash or line break within a label's value ends it."""
    lines = []
    for told, value, second in samples:
        pairs = ",".join(
            name + '="' + text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") + '"'
            for name, text in told.items()
        )
        lines.append(f"x{{{pairs}}} {value} {second}\n")
    found = exposition("".join([*lines, "# EOF\n"]).encode()).good
    assert [json.loads(text) for text in found["labels"]] == [told for told, _, _ in samples]
    assert found["value"].to_list() == [value for _, value, _ in samples]


# What the format forbids and no line shows: what samples of one family mean together. Their values load as the numbers
# they are. A comma before the brace and a second blank are the older format's.
ABOUT_FAMILIES = {
    "bad_counter_values", "bad_exemplar_complex_chars", "bad_exemplars", "bad_exemplars_on_unallowed_metric_types",
    "bad_exemplars_on_unallowed_samples", "bad_grouping_or_ordering", "bad_histograms", "bad_info_and_stateset_values",
    "bad_metadata_in_wrong_place", "bad_missing_or_invalid_labels_for_a_type", "bad_stateset_info_values",
}  # fmt: skip
OF_THE_OLDER_FORMAT = {"bad_missing_or_extra_commas_2", "bad_value_1"}
WITHOUT_SAMPLES = {"empty_metadata", "null_byte"}  # valid, and refused: a NUL, and a file that measures nothing


@pytest.mark.outside
def test_the_formats_own_cases_are_read_or_refused(outside_data: Path) -> None:
    """Fails when a valid exposition meets a line we call malformed, or a line that is none loads without a word."""
    path = outside_data / "openmetrics-conformance/openmetrics-parser-cases.public.ndjson"
    accepted, wronged = set(), set()
    for case in map(json.loads, path.read_text("utf-8").splitlines()):
        try:
            reasons = exposition(case["metrics_latin1"].encode("latin-1") or b"\n").reasons
        except Refused:
            reasons = ["refused"]
        is_malformed = any(reason not in ("no_timestamp", "not_finite") for reason in reasons)
        if case["shouldParse"] and is_malformed:
            wronged.add(case["case"])
        if not case["shouldParse"] and not is_malformed:
            accepted.add(case["case"])
    assert wronged == WITHOUT_SAMPLES
    assert accepted >= OF_THE_OLDER_FORMAT
    assert {re.sub(r"_[0-9]+$", "", name) for name in accepted - OF_THE_OLDER_FORMAT} == ABOUT_FAMILIES
    assert len(accepted) == 44
