"""FOCUS rows from outside: a provider's anonymised sample, and the specification's own worked examples."""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from focus_inbox import CONTRACT, current, landed, load, loaded, manual, refusal, total

pytestmark = pytest.mark.outside

SCENARIOS = "focus-spec-scenarios"
US_DATE = re.compile(r"\b([0-9]{1,2})/([0-9]{1,2})/([0-9]{2})\b")


def second_reader(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as stream:
        return list(csv.DictReader(stream))


def test_the_sample_lands_whole(outside_data: Path, tmp_path: Path) -> None:
    """Fails when a row of this real file is lost, an account's rows or a sum differ from a second reader's, or its
    texts NULL land as texts."""
    source = outside_data / "focus-sample" / "focus_sample.public.csv"
    manual(tmp_path / "inbox", {"focus.csv": source.read_bytes()}, period="2024-09", provider="sample")
    report, lake = landed(tmp_path)
    rows = second_reader(source)
    assert (report.landed, report.rows_in, report.rows_loaded, report.rows_quarantined) == (1, 653, 653, 0)
    by_account: dict[str, tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    for row in rows:
        count, amount = by_account[row["BillingAccountId"]]
        by_account[row["BillingAccountId"]] = (count + 1, amount + Decimal(row["BilledCost"]))
    seen: dict[str, tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    lines = current(lake)
    for account, cost in lines.select("billing_account_id", "billed_cost").iter_rows():
        seen[account] = (seen[account][0] + 1, seen[account][1] + cost)
    assert seen == by_account and len(by_account) > 1
    assert report.control_totals == {"USD": sum(Decimal(row["BilledCost"]) for row in rows)}

    known = {alias: column.name for column in CONTRACT.columns for alias in column.aliases}
    texts = [name for name in rows[0] if name in known and lines[known[name]].dtype == pl.String and name != "Tags"]
    assert len(texts) > 20
    for name in texts:
        expected = [row[name] if row[name] not in ("", "NULL") else None for row in rows]
        assert lines[known[name]].to_list() == expected, name
    tags = [json.loads(row["Tags"]) if row["Tags"] not in ("", "NULL") else {} for row in rows]
    filled = [{key: text for key, text in tag.items() if text != ""} for tag in tags]
    assert [json.loads(text) if text else {} for text in lines["tags"]] == filled
    assert [json.loads(text) for text in lines["extra"]] == [{"Id": row["Id"]} for row in rows]


@pytest.mark.parametrize("folder", ["commitment_discount_flexibility", "commitment_discount_scenarios"])
def test_examples_without_mandatory_columns_are_refused(folder: str, outside_data: Path, tmp_path: Path) -> None:
    """Fails when a missing billing account is invented, or the refusal leaves out file, column, contract or remedy."""
    paths = sorted((outside_data / SCENARIOS / folder).glob("*.csv"))
    assert len(paths) in (3, 4)
    for path in paths:
        message = refusal(tmp_path / path.stem, path.read_bytes(), path.name)
        for part in (path.name, "billing_account_id", "contract focus.line_items 1.0.0", "deliver the month again"):
            assert part in message, path.name


@pytest.mark.parametrize("folder", ["commitment_discount_flexibility", "commitment_discount_scenarios"])
def test_examples_land_once_their_mandatory_columns_are_there(folder: str, outside_data: Path, tmp_path: Path) -> None:
    """Fails when a null text or an odd spelling (SkuPriceid) is misread, or an instant no clock shows lands."""
    for path in sorted((outside_data / SCENARIOS / folder).glob("*.csv")):
        header, *lines = path.read_text("utf-8").splitlines()  # with blank lines between the rows
        named = [f"BillingAccountId,BillingCurrency,{header}", *(line and f"1,USD,{line}" for line in lines)]
        whole = "\r\n".join(named)
        manual(tmp_path / path.stem, {path.name: whole.encode()}, period="2023-01")
        good, rejected = load(tmp_path / path.stem)
        rows = second_reader(path)
        impossible = [place for place, row in enumerate(rows, 1) if "T30:" in str(row.values())]
        assert rejected.select("source_row", "reason").rows() == [(place, "bad_timestamp") for place in impossible]
        sound = [row for place, row in enumerate(rows, 1) if place not in impossible]
        assert total(good) == sum(Decimal(row["BilledCost"]) for row in sound)
        assert total(good, "effective_cost") == sum(Decimal(row["EffectiveCost"]) for row in sound)
        for name, column in (("ConsumedUnit", "consumed_unit"), ("SkuPriceid", "sku_price_id")):
            if name in rows[0]:
                assert good[column].to_list() == [row[name] if row[name] != "null" else None for row in sound]


def saas(outside_data: Path) -> list[Path]:
    paths = sorted((outside_data / SCENARIOS / "saas_examples").rglob("*.csv"))
    assert len(paths) == 10
    return paths


def test_examples_with_dates_of_one_country_are_quarantined(outside_data: Path, tmp_path: Path) -> None:
    """Fails when 4/1/25 is guessed to be a day, or what is asked for instead is not said."""
    for path in saas(outside_data):
        good, rejected = loaded(tmp_path / path.stem, path.read_bytes(), path.name)
        assert (good.height, rejected.height) == (0, len(second_reader(path))), path.name
        reasons = set(rejected["reason"])
        # Amounts such as "$50,000.00 " are no numbers either, and the first column at fault is told.
        assert reasons == ({"not_a_number"} if "simple" in path.stem else {"no_iso_8601_instant"}), path.name


def test_the_same_examples_with_iso_dates_land(outside_data: Path, tmp_path: Path) -> None:
    """Fails when a row of the SaaS examples is lost or lands in another month once its dates are instants."""
    for path in saas(outside_data):
        text = US_DATE.sub(lambda d: f"20{d[3]}-{int(d[1]):02}-{int(d[2]):02}T00:00:00Z", path.read_text("utf-8-sig"))
        text = re.sub(r'"?\$([0-9,.]+) ?"?', lambda amount: amount[1].replace(",", ""), text)
        rows = list(csv.DictReader(text.splitlines()))
        months = sorted({row["BillingPeriodStart"][:7] for row in rows})
        for month in months:
            manual(tmp_path / path.stem / "inbox", {path.name: text.encode()}, period=month, provider="saas")
        report, lake = landed(tmp_path / path.stem)
        assert report.landed == len(months), report.messages
        lines = current(lake)
        assert lines.height == len(rows), path.name
        assert total(lines) == sum(Decimal(row["BilledCost"]) for row in rows)
        per_month = {
            month: sum(Decimal(r["BilledCost"]) for r in rows if r["BillingPeriodStart"][:7] == month)
            for month in months
        }
        for month in months:
            of_month = lines.filter(lines["billing_period"].dt.strftime("%Y-%m") == month)
            assert total(of_month) == per_month[month]
