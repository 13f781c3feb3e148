"""AWS lines: numbers, dates, currencies, and which line is quarantined for what."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from aws_cur_inbox import (
    LINE,
    PAYER,
    csv_bytes,
    line,
    loaded,
    parquet,
    snake_line,
    total,
)


def test_a_text_in_a_number_a_line_does_not_need_quarantines_nothing(tmp_path: Path) -> None:
    """Fails when `None` or a shifted column stops a line that does not need it, or one that does passes (fault 21)."""
    plan_cost, list_cost = "savingsPlan/SavingsPlanEffectiveCost", "pricing/publicOnDemandCost"
    rows = [
        line(**{plan_cost: "None", list_cost: "convertible"}),
        line(lineitemtype="SavingsPlanCoveredUsage", **{plan_cost: "None", list_cost: "1"}),
        line(lineitemtype="SavingsPlanCoveredUsage", **{plan_cost: "0.5", list_cost: "NaN"}),
    ]
    good, rejected = loaded(tmp_path, csv_bytes(rows))
    assert good["source_row"].to_list() == [1, 3]
    assert [json.loads(text) for text in good["extra"]] == [
        {"pricing_public_on_demand_cost": "convertible", "savings_plan_savings_plan_effective_cost": "None"},
        {"pricing_public_on_demand_cost": "NaN"},
    ]
    assert rejected.select("source_row", "reason", "column_name").rows() == [
        (2, "not_a_number", "savings_plan_savings_plan_effective_cost")
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("NaN", "not_finite"),
        ("-Infinity", "not_finite"),
        ("1e400", "not_finite"),
        ("1,234.56", "not_a_number"),
        ("1_000", "not_a_number"),
        ("１２", "not_a_number"),
        (" 1", "not_a_number"),
        ("0.1234567890123456789", "too_many_digits"),
        ("1e30", "too_many_digits"),
        ("", "missing_required"),
    ],
)
def test_a_cost_that_is_no_exact_number_is_quarantined(text: str, reason: str, tmp_path: Path) -> None:
    """Fails when an amount is guessed, rounded or dropped (faults 22, 23)."""
    good, rejected = loaded(tmp_path, csv_bytes([line(), line(unblendedcost=text)]))
    assert good["source_row"].to_list() == [1]
    assert rejected.select("source_row", "reason", "column_name").rows() == [(2, reason, "line_item_unblended_cost")]
    assert rejected["source_file"].unique().to_list() == good["source_file"].unique().to_list()


def test_doubles_become_their_shortest_text(tmp_path: Path) -> None:
    """Fails when a Parquet double lands as its binary expansion, or lands without being a number (faults 21, 22)."""
    costs = [0.1, 1e-7, -7e-10, 1e16, 12345.678901234567, 1.2345678901234567e-05, 4e-19, float("nan"), float("inf")]
    table = pa.Table.from_pylist([snake_line(line_item_unblended_cost=cost) for cost in costs])
    good, rejected = loaded(tmp_path, parquet(table), "x.parquet")
    texts = [format(cost, "f") for cost in good["line_item_unblended_cost"]]
    assert [text.rstrip("0").rstrip(".") for text in texts] == [
        "0.1",
        "0.0000001",
        "-0.0000000007",
        "10000000000000000",
        "12345.678901234567",
        "0.000012345678901235",
        "0",
    ]
    assert [text and json.loads(text)["line_item_unblended_cost"] for text in good["extra"]] == [
        *[None] * 5,
        "0.000012345678901234568",
        "4e-19",
    ]
    assert rejected["reason"].to_list() == ["not_finite", "not_finite"]


def test_parquet_of_other_types_reads_the_same(tmp_path: Path) -> None:
    """Fails when a month comes with decimals, dates or integers where another had texts (fault 21)."""
    row = snake_line(
        line_item_unblended_cost=Decimal("0.10"),
        line_item_usage_amount=1,
        bill_billing_period_start_date=datetime(2026, 1, 1, tzinfo=UTC),
    )
    good, _ = loaded(tmp_path / "a", parquet(pa.Table.from_pylist([row])), "x.parquet")
    text, _ = loaded(tmp_path / "b", csv_bytes([LINE]))
    assert good.drop("source_file").equals(text.drop("source_file"))


@pytest.mark.parametrize("precision", [76, 9])
def test_decimals_of_any_width_are_read(precision: int, tmp_path: Path) -> None:
    """Fault 21. Fails when a decimal wider or narrower than 128 bits ends the landing (a library's panic)."""
    type_ = pa.decimal256(76, 6) if precision == 76 else pa.decimal32(9, 6)
    columns = {name: pa.array([value]) for name, value in snake_line().items()}
    columns["line_item_unblended_cost"] = pa.array([Decimal("0.1")], type_)
    good, _ = loaded(tmp_path, parquet(pa.table(columns)), "x.parquet")
    assert total(good) == Decimal("0.1")


def test_dates_are_strict_and_other_zones_become_utc(tmp_path: Path) -> None:
    """Fails when a date is guessed, or a zone is ignored (fault 24)."""
    fine = ["2026-01-05T00:00:00Z", "2026-01-05 00:00:00", "2026-01-05 01:00:00+01:00", "2026-01-05T00:00:00.000Z"]
    wrong = ["2026-02-30T00:00:00Z", "05/01/2026", "infinity", "epoch", "2026-01-05T24:00:01Z"]
    good, rejected = loaded(tmp_path, csv_bytes([line(usagestartdate=text) for text in fine + wrong]))
    assert good["line_item_usage_start_date"].n_unique() == 1 and good.height == len(fine)
    assert rejected["reason"].to_list() == ["bad_timestamp"] * len(wrong)


def test_account_ids_stay_text(tmp_path: Path) -> None:
    """Fails when a leading zero of an account is lost (fault 28)."""
    good, _ = loaded(tmp_path, csv_bytes([line()]))
    assert good.select("bill_payer_account_id", "line_item_usage_account_id").row(0) == (PAYER, "000000000042")


def test_negative_lines_load(tmp_path: Path) -> None:
    """Fails when a credit, a refund or a negation is refused for its sign (fault 29)."""
    kinds = ["Credit", "Refund", "SavingsPlanNegation", "EdpDiscount"]
    good, rejected = loaded(tmp_path, csv_bytes([line(lineitemtype=kind, unblendedcost="-1.5") for kind in kinds]))
    assert rejected.is_empty() and total(good) == Decimal("-6.0")


def test_a_line_of_another_month_is_quarantined_and_usage_dates_are_free(tmp_path: Path) -> None:
    """Fails when a line of another billing period counts in this one, or usage dates matter (fault 32)."""
    rows = [line(usagestartdate="2025-12-31T23:00:00Z"), line(billingperiodstartdate="2025-12-01T00:00:00Z")]
    good, rejected = loaded(tmp_path, csv_bytes(rows))
    assert good["source_row"].to_list() == [1]
    assert rejected.select("source_row", "reason", "column_name").rows() == [
        (2, "other_period", "bill_billing_period_start_date")
    ]
    assert json.loads(rejected["payload"][0])["line_item_unblended_cost"] == "0.10"


def test_a_line_of_another_payer_is_quarantined(tmp_path: Path) -> None:
    """Fails when a stray payer's line is billed with this payer's."""
    good, rejected = loaded(tmp_path, csv_bytes([line(), line(payeraccountid="999")]))
    assert (good.height, rejected["reason"].to_list()) == (1, ["other_payer"])


def test_currencies_stay_apart_and_none_is_guessed(tmp_path: Path) -> None:
    """Fails when a line without a currency, or with one ISO 4217 cannot round, is loaded (fault 33)."""
    rows = [line(currencycode=code) for code in ("USD", "EUR", "", "MC", "XAU", "usd")]
    good, rejected = loaded(tmp_path, csv_bytes(rows))
    assert good["line_item_currency_code"].to_list() == ["USD", "EUR"]
    assert rejected["reason"].to_list() == ["missing_required", "bad_currency", "bad_currency", "bad_currency"]
