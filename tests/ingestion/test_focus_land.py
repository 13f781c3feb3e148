"""FOCUS deliveries through the real landing: what the lake holds after repetitions, restatements and bad deliveries."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from aws_cur_inbox import gz, parquet
from focus_inbox import aws_export, azure_run, csv_bytes, current, landed, manual, row, total
from hypothesis import given, settings
from hypothesis import strategies as st
from landed_world import tree


def amounts(lake: Any) -> str:
    return format(total(current(lake)).normalize(), "f")


def test_a_delivery_that_comes_again_changes_nothing(tmp_path: Path) -> None:
    """Fails when the same files, under the same or another name, land twice (fault 1)."""
    data = gz(csv_bytes([row(), row(BillingCurrency="")]))
    azure_run(tmp_path / "inbox", {"1.csv.gz": data}, "a", "2026-02-01T03:00:00Z")
    first, _ = landed(tmp_path)
    before = tree(tmp_path / "lake")
    again, _ = landed(tmp_path)
    assert (first.landed, again.landed, again.unchanged, first.rows_quarantined) == (1, 0, 1, 1)
    assert tree(tmp_path / "lake") == before
    azure_run(tmp_path / "inbox", {"other.csv.gz": data}, "b", "2026-02-02T03:00:00Z")
    renamed, lake = landed(tmp_path)
    assert (renamed.landed, renamed.unchanged, amounts(lake)) == (0, 1, "0.1")


def test_a_newer_version_replaces_the_former_whole(tmp_path: Path) -> None:
    """Fails when rows of a replaced run stay current, or rows of several accounts replace one another (faults 2, 6)."""
    rows = [row(BilledCost="1"), row(BilledCost="5", BillingAccountId="9"), row(BilledCost="3", BillingCurrency="EUR")]
    azure_run(tmp_path / "inbox", {"1.csv": csv_bytes(rows)}, "a", "2026-02-01T03:00:00Z")
    report, lake = landed(tmp_path)
    assert report.control_totals == {"USD": Decimal(6), "EUR": Decimal(3)}
    assert sorted(current(lake)["billing_account_id"]) == ["000123", "000123", "9"]
    azure_run(tmp_path / "inbox", {"1.csv.gz": gz(csv_bytes(rows[::-1]))}, "b", "2026-02-02T03:00:00Z")
    report, lake = landed(tmp_path)
    assert any("no change" in message for message in report.messages)
    azure_run(tmp_path / "inbox", {"1.csv": csv_bytes(rows[:1])}, "c", "2026-02-03T03:00:00Z")
    _, lake = landed(tmp_path)
    assert amounts(lake) == "1"
    assert sorted(one["status"] for one in lake.deliveries()) == ["complete", "superseded", "superseded"]
    manual(tmp_path / "inbox", {"1.csv": csv_bytes(rows)}, provider="azure", at="2026-02-09T00:00:00Z")
    _, lake = landed(tmp_path)
    assert amounts(lake) == "10"  # of another account: its folder


def test_a_correction_by_hand_replaces_the_month_before_it(tmp_path: Path) -> None:
    """Fails when the later mark of two deliveries by hand does not count, whatever their names (fault 6)."""
    manual(tmp_path / "inbox", {"1.csv": csv_bytes([row(BilledCost="2")])}, "z", at="2026-02-01T00:00:00Z")
    manual(tmp_path / "inbox", {"1.csv": csv_bytes([row(BilledCost="7")])}, "a", at="2026-02-03T00:00:00Z")
    _, lake = landed(tmp_path)
    assert amounts(lake) == "7"


def test_one_file_may_be_delivered_for_each_of_its_months(tmp_path: Path) -> None:
    """Fails when the other months of a file are kept apart with no way to have them, or one is doubled (fault 32)."""
    months = ("2026-01", "2026-02")
    data = csv_bytes([row(BillingPeriodStart=f"{month}-01T00:00:00Z", BilledCost=month[-1]) for month in months])
    for month in months:
        manual(tmp_path / "inbox", {"1.csv": data}, period=month)
    report, lake = landed(tmp_path)
    assert (report.landed, report.rows_loaded, report.rows_quarantined, amounts(lake)) == (2, 2, 2, "3")
    assert {one["billing_period"].month: one["rows_loaded"] for one in lake.deliveries()} == {1: 1, 2: 1}
    assert landed(tmp_path)[0].unchanged == 2


@pytest.mark.parametrize("bad", [gz(csv_bytes([row()] * 900))[:-40], b"<html>", gz(b"a,b\n1,2\n"), b"", b"PAR1PAR1"])
def test_a_bad_run_is_refused_and_the_former_stays(bad: bytes, tmp_path: Path) -> None:
    """Fails when a damaged or foreign run takes the month away, or loads in part (faults 7, 9, 10)."""
    azure_run(tmp_path / "inbox", {"1.csv": csv_bytes([row()])}, "a", "2026-02-01T03:00:00Z")
    landed(tmp_path)
    files = {"1.csv": csv_bytes([row(BilledCost="3")]), "2.csv.gz": bad}
    azure_run(tmp_path / "inbox", files, "b", "2026-02-02T03:00:00Z")
    report, lake = landed(tmp_path)
    assert (report.rejected, report.landed, amounts(lake)) == (1, 0, "0.1")
    assert any("2.csv.gz" in message and "rejected" in message for message in report.messages)


def test_months_announced_without_rows_are_there(tmp_path: Path) -> None:
    """Fails when an empty month looks like a missing one, or two empty months like one (fault 9)."""
    for month in ("2026-01", "2026-02"):
        aws_export(tmp_path / "inbox", {"1.csv.gz": gz(csv_bytes([]))}, period=month)
    manual(tmp_path / "inbox", {"1.csv": csv_bytes([])})
    report, lake = landed(tmp_path)
    assert (report.landed, report.incomplete, report.rows_in) == (2, 1, 0)
    states = {(one["account"], one["billing_period"].month): one["status"] for one in lake.deliveries()}
    assert states == {("aws/focus-export", 1): "complete", ("aws/focus-export", 2): "complete", ("acme", 1): "held"}


TEXTS = st.one_of(
    st.decimals(-(10**9), 10**9, places=6).map(str),
    st.floats(-1e6, 1e6, allow_nan=False).map(repr),
    st.sampled_from(["NULL", "null", "", "0.00 ", " 7", "$5.00 ", "1,5", "NaN", "1e400", "1E-19", "-0", "5e-18"]),
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "BilledCost": TEXTS,
            "BillingAccountId": st.sampled_from(["1", "001", "NULL", "é,\n"]),
            "BillingCurrency": st.sampled_from(["USD", "EUR", "Token", ""]),
            "ChargeCategory": st.sampled_from(["Usage", "Tax", "Refund"]),
            "BillingPeriodStart": st.sampled_from(["2026-01-01 00:00:00", "2026-02-01T00:00Z", "1/1/26", "NULL"]),
            "Tags": st.sampled_from(["", "NULL", '{"a": "b"}', "{", '"']),
        }
    ),
    max_size=25,
)


def expected_amount(text: str) -> Decimal | None:
    """The rule once more: an exact decimal of at most 18 places, blanks beside it aside."""
    try:
        value = Decimal(text.strip(" "))
    except ArithmeticError:
        return None
    if not value.is_finite() or (value.is_zero() and value.is_signed()):
        return None
    return value if value.normalize().as_tuple().exponent >= -18 and value.adjusted() < 20 else None


@given(rows=ROWS, packed=st.booleans())
@settings(max_examples=40, deadline=None)
def test_every_row_is_loaded_or_quarantined_and_totals_are_exact(rows: list[dict[str, str]], packed: bool) -> None:
    """Fails when a row is lost or doubled, or an amount delivered is neither landed nor quarantined (faults 22, 23)."""
    with tempfile.TemporaryDirectory() as folder:
        data = csv_bytes([row() | one for one in rows], list(row(Tags="")))
        azure_run(Path(folder) / "inbox", {"1.csv": gz(data) if packed else data}, "a", "2026-02-01T03:00:00Z")
        report, lake = landed(Path(folder))
        assert (report.landed, report.rows_in) == (1, len(rows)), report.messages
        assert report.rows_loaded + report.rows_quarantined == len(rows)
        sound, delivered = [], defaultdict(Decimal)
        for one in rows:
            amount, currency = expected_amount(one["BilledCost"]), one["BillingCurrency"]
            delivered[currency or None] += amount or 0
            good = currency in ("USD", "EUR") and one["ChargeCategory"] != "Refund"
            good = good and one["BillingAccountId"] != "NULL" and one["BillingPeriodStart"].startswith("2026-01")
            if good and amount is not None:
                sound.append((one["BillingAccountId"], currency, amount))
        lines = current(lake)
        if lines.is_empty():
            assert not sound
        else:
            assert lines.select("billing_account_id", "billing_currency", "billed_cost").rows() == sound
        totals = lake.totals()
        assert {t["currency"]: t["amount_delivered"] for t in totals if t["rows_in"]} == delivered
        for one in totals:
            assert one["amount_delivered"] == one["amount_landed"] + one["amount_quarantined"]
            assert one["rows_in"] == one["rows_loaded"] + one["rows_quarantined"]


def test_a_quarantined_row_says_what_was_delivered(tmp_path: Path) -> None:
    """Fails when a row that Parquet brought with a bad value cannot be read again in the quarantine (fault 21)."""
    table = pa.Table.from_pylist([row(BillingCurrency="Token", x_Own="1"), row()])
    azure_run(tmp_path / "inbox", {"1.snappy.parquet": parquet(table)}, "a", "2026-02-01T03:00:00Z")
    report, lake = landed(tmp_path)
    assert (report.rows_loaded, report.rows_quarantined) == (1, 1)
    (kept,) = pl.read_parquet(lake.quarantine_files()).to_dicts()
    assert (kept["source"], kept["reason"]) == ("focus", "bad_currency")
    assert json.loads(kept["payload"])["billing_currency"] == "Token"
