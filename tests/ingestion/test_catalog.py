"""The catalog's landing: whole tables as of their time, and rows that may not name what is not there."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ingestion.casting import currencies
from ingestion.contracts import inbound_contracts, load_contract
from ingestion.deliveries import Terms
from ingestion.lake import Lake
from ingestion.landing import LandingReport, land
from ingestion.references import rank, referred
from ingestion.sources import catalog
from ingestion.storage import open_storage

PARTIES = ("party_id,name,role", "V,v,vendor", "D,d,distributor", "R,r,reseller", "C,c,customer")
AGREEMENTS = ("agreement_id,seller_id,buyer_id,currency", "1,V,D,EUR", "2,D,R,EUR", "3,R,C,EUR")


def deliver(inbox: Path, table: str, *lines: str, at: str = "2026-01-01") -> None:
    path = inbox / "catalog" / at / f"{table}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def landed(inbox: Path, folder: Path) -> tuple[LandingReport, Lake]:
    report = land("catalog", open_storage(inbox), Lake(open_storage(folder / "lake")))
    return report, Lake(open_storage(folder / "lake"))


def ids(lake: Lake, table: str, column: str, at: str = "9999") -> list[str]:
    found = lake.rows_of(table, at)
    return [] if found is None else sorted(found[column].to_list())


def quarantined(lake: Lake) -> list[tuple[Any, ...]]:
    files = lake.quarantine_files()
    if not files:
        return []
    found = pl.concat([pl.read_parquet(file) for file in files])
    return sorted(found.select("table_name", "source_row", "reason", "column_name").rows())


def test_a_table_lands_with_the_time_its_folder_says(inbox: Path, tmp_path: Path) -> None:
    """Fails when recorded_at is not the folder's time, or a former delivery of the table is lost."""
    deliver(inbox, "parties", *PARTIES)
    deliver(inbox, "parties", *PARTIES[:3], at="2026-02-01T103000Z")
    report, lake = landed(inbox, tmp_path)
    assert (report.landed, report.messages) == (2, [])
    found = pl.concat([pl.read_parquet(file) for file in lake.current_files("catalog.parties")])
    counts = found.group_by(pl.col("recorded_at").dt.to_string("iso")).len().sort("recorded_at").rows()
    assert counts == [("2026-01-01 00:00:00.000000", 4), ("2026-02-01 10:30:00.000000", 2)]
    assert found.columns == list(load_contract("catalog.parties").landed_columns())
    assert ids(lake, "parties", "party_id") == ["D", "V"]
    assert ids(lake, "parties", "party_id", "2026-01-31T00:00:00") == ["C", "D", "R", "V"]


@pytest.mark.parametrize(
    "folder", ["2026-1-1", "2026-13-01", "2026-02-30", "20260101", "2026-01-01T00:00:00Z", "now", "a/b"]
)
def test_a_folder_that_names_no_time_is_rejected(inbox: Path, tmp_path: Path, folder: str) -> None:
    """Fails when a table of unknown time is loaded, or passed over in silence (fault 24)."""
    deliver(inbox, "parties", *PARTIES, at=folder)
    report, lake = landed(inbox, tmp_path)
    assert (report.landed, report.rejected) == (0, 1)
    assert "name the folder YYYY-MM-DD" in report.messages[0]
    assert [row["status"] for row in lake.deliveries()] == ["rejected"]


def test_a_file_that_is_no_table_is_reported(inbox: Path, tmp_path: Path) -> None:
    """Fails when a mistyped table name is ignored: the former table would stand unnoticed."""
    deliver(inbox, "partys", *PARTIES)
    deliver(inbox, "parties", *PARTIES)
    report, _ = landed(inbox, tmp_path)
    assert (report.landed, report.rejected) == (1, 1)
    assert "partys.csv is no catalog table: there are adjustments, agreements" in report.messages[0]


def test_two_folders_of_one_instant_are_one_too_many(inbox: Path, tmp_path: Path) -> None:
    """Fails when two tables share a recorded_at: both would be the last delivery, rows twice."""
    deliver(inbox, "parties", *PARTIES, at="2026-01-01")
    deliver(inbox, "parties", *PARTIES[:2], at="2026-01-01T000000Z")
    for _ in range(2):
        report, lake = landed(inbox, tmp_path)
        assert report.rejected == 1 and "names the same instant" in report.messages[0]
        assert len(lake.current_files("catalog.parties")) == 1


def test_a_new_column_is_reported_and_left_out(inbox: Path, tmp_path: Path) -> None:
    """Fails when an additional column refuses the table, or nobody is told (fault 16)."""
    deliver(inbox, "parties", "colour,party_id,name,role", "red,V,v,vendor")
    report, lake = landed(inbox, tmp_path)
    assert ids(lake, "parties", "party_id") == ["V"]
    assert report.messages == [
        "catalog/2026-01-01/parties.csv: column colour is not in contract catalog.parties 1.2.0: left out"
    ]


@pytest.mark.parametrize("name", ["source_row", "source_file", "*", "^.*$", "", "recorded_at", "delivery_id"])
def test_a_new_column_may_have_any_name(inbox: Path, tmp_path: Path, name: str) -> None:
    """Fault 16. Fails when a name that is one of ours, or a pattern to a library, ends the landing."""
    deliver(inbox, "parties", f"{PARTIES[0]},{name}", *(f"{line},9" for line in PARTIES[1:]))
    report, lake = landed(inbox, tmp_path)
    assert (report.landed, report.rows_loaded, report.rows_quarantined) == (1, 4, 0)
    assert ids(lake, "parties", "party_id") == ["C", "D", "R", "V"]


def test_a_table_without_rows_and_columns_is_refused_by_its_name(inbox: Path, tmp_path: Path) -> None:
    """Fault 17. Fails when the message does not say which file it is about, because there is no row to tell."""
    deliver(inbox, "parties", "<html>502 Bad Gateway</html>")
    report, _ = landed(inbox, tmp_path)
    assert report.rejected == 1 and "catalog/2026-01-01/parties.csv: required column" in report.messages[0]


def test_a_missing_column_refuses_the_table_and_the_former_stands(inbox: Path, tmp_path: Path) -> None:
    """Fails when a table without a required column lands, or takes away what was there (fault 17)."""
    deliver(inbox, "parties", *PARTIES)
    deliver(inbox, "parties", "party_id,name", "V,v", at="2026-02-01")
    report, lake = landed(inbox, tmp_path)
    assert (report.landed, report.rejected) == (1, 1)
    assert "required column role is missing (contract catalog.parties 1.2.0)" in report.messages[0]
    assert ids(lake, "parties", "party_id") == ["C", "D", "R", "V"]


def test_rows_that_name_what_is_not_there_are_quarantined_and_the_rest_loads(inbox: Path, tmp_path: Path) -> None:
    """Fails when an orphan loads, or takes good rows with it; its own dependants are orphans too (fault 50)."""
    deliver(inbox, "parties", *PARTIES)
    deliver(inbox, "agreements", *AGREEMENTS, "4,R,NOBODY,EUR")
    deliver(
        inbox, "price_rules", "rule_id,agreement_id,kind", "a,3,pass_through", "b,4,pass_through", "c,5,pass_through"
    )
    deliver(inbox, "payers", "payer_id,vendor,party_id", "123,aws,D", "456,aws,X")
    report, lake = landed(inbox, tmp_path)
    assert report.rejected == 0
    assert ids(lake, "agreements", "agreement_id") == ["1", "2", "3"]
    assert ids(lake, "price_rules", "rule_id") == ["a"]
    assert quarantined(lake) == [
        ("agreements", 4, "orphan", "buyer_id"),
        ("payers", 2, "orphan", "party_id"),
        ("price_rules", 2, "orphan", "agreement_id"),
        ("price_rules", 3, "orphan", "agreement_id"),
    ]
    assert (report.rows_in, report.rows_loaded, report.rows_quarantined) == (13, 9, 4)


def test_an_absent_table_is_the_former_one(inbox: Path, tmp_path: Path) -> None:
    """Fails when references are checked against the same delivery alone, or against a later one (fault 50)."""
    deliver(inbox, "parties", *PARTIES, at="2025-01-01")
    deliver(inbox, "parties", *PARTIES, "N,n,customer", at="2026-06-01")
    deliver(inbox, "agreements", *AGREEMENTS, "4,R,N,EUR", at="2026-01-01")
    _, lake = landed(inbox, tmp_path)
    assert quarantined(lake) == [("agreements", 4, "orphan", "buyer_id")]


@pytest.mark.parametrize("order", [("2025-06-01", "2026-01-01"), ("2026-01-01", "2025-06-01")])
def test_orphans_do_not_depend_on_the_order_of_arrival(inbox: Path, tmp_path: Path, order: Sequence[str]) -> None:
    """Fails when rows stay quarantined although what they name was delivered, later, for their time."""
    for at in order:
        if at == "2025-06-01":
            deliver(inbox, "parties", *PARTIES, at=at)
        else:
            deliver(inbox, "agreements", *AGREEMENTS, at=at)
        _, lake = landed(inbox, tmp_path)
    assert ids(lake, "agreements", "agreement_id") == ["1", "2", "3"]
    assert quarantined(lake) == []
    report, _ = landed(inbox, tmp_path)
    assert (report.landed, report.unchanged) == (0, 2)


def test_a_table_mended_in_its_folder_replaces_itself(inbox: Path, tmp_path: Path) -> None:
    """Fails when the corrected or taken back text of one delivery does not become the current one."""
    deliver(inbox, "parties", *PARTIES)
    for lines, expected in ((PARTIES[:3], ["D", "V"]), (PARTIES, ["C", "D", "R", "V"]), (PARTIES[:3], ["D", "V"])):
        deliver(inbox, "parties", *lines)
        _, lake = landed(inbox, tmp_path)
        assert ids(lake, "parties", "party_id") == expected
        assert len(lake.current_files("catalog.parties")) == 1


def test_a_table_of_no_rows_is_an_empty_table(inbox: Path, tmp_path: Path) -> None:
    """Fails when a header alone, which says "none any more", leaves the former rows standing (fault 9)."""
    deliver(inbox, "parties", *PARTIES)
    _, lake = landed(inbox, tmp_path)
    deliver(inbox, "parties", PARTIES[0], at="2026-02-01")
    report, lake = landed(inbox, tmp_path)
    assert (report.landed, lake.current_files("catalog.parties")) == (1, [])
    deliver(inbox, "parties", *PARTIES, at="2026-03-01")
    _, lake = landed(inbox, tmp_path)
    assert len(lake.current_files("catalog.parties")) == 1


def test_the_payers_terms_are_those_delivered_last(inbox: Path, tmp_path: Path) -> None:
    """Fails when the authoritative report is not that of the last catalog and the last validity in it (fault 3)."""
    deliver(inbox, "parties", *PARTIES)
    header = "payer_id,vendor,party_id,report,valid_from,valid_to"
    deliver(inbox, "payers", header, "1,aws,D,old,,", "2,aws,D,,,")
    assert landed(inbox, tmp_path)[1].terms() == Terms({"1": "old"})
    deliver(inbox, "payers", header, "1,aws,D,new,2026-01-01,", "1,aws,D,older,,2026-01-01", at="2026-02-01")
    assert landed(inbox, tmp_path)[1].terms() == Terms({"1": "new"})


@pytest.mark.parametrize("code", ["XAU", "XXX", "XDR", "EURO", "eur", "ZZZ"])
def test_a_currency_without_minor_unit_rejects_the_table(inbox: Path, tmp_path: Path, code: str) -> None:
    """Fails when a currency that no amount can be rounded in gets into the house (fault 53)."""
    deliver(inbox, "plans", "plan_id,name,currency", "1,one,EUR", f"2,two,{code}")
    report, lake = landed(inbox, tmp_path)
    assert (report.rejected, lake.current_files("catalog.plans")) == (1, [])
    assert "plans.csv, row 2, column currency: no ISO 4217 currency with a minor unit" in report.messages[0]


@given(st.sampled_from(sorted(currencies())))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@example("JPY")
@example("KWD")
@example("CLF")
def test_every_currency_with_a_minor_unit_is_taken(tmp_path_factory: pytest.TempPathFactory, code: str) -> None:
    """Fails when a currency of none, three or four decimals is refused (fault 53)."""
    folder = tmp_path_factory.mktemp("currency")
    deliver(folder / "inbox", "plans", "plan_id,name,currency", f"1,one,{code}")
    assert landed(folder / "inbox", folder)[0].landed == 1


def test_two_sellers_are_named(inbox: Path, tmp_path: Path) -> None:
    """Fails when a buyer's second seller lands, or the message does not name both and the day (fault 50)."""
    deliver(inbox, "parties", *PARTIES)
    header = "agreement_id,seller_id,buyer_id,currency,vendor,valid_from,valid_to"
    deliver(inbox, "agreements", header, "1,D,C,EUR,aws,,2026-03-01", "2,R,C,EUR,aws,2026-02-01,", "3,V,C,EUR,,,")
    report, lake = landed(inbox, tmp_path)
    assert report.rejected == 1 and lake.current_files("catalog.agreements") == []
    assert "rows 1 and 2: D -> C <- R for vendor aws on 2026-02-01 (contract catalog.agreements" in report.messages[0]
    (row,) = [row for row in lake.deliveries() if row["status"] == "rejected"]
    assert row["table_name"] == "agreements" and "D -> C <- R" in row["reason"]


def test_tables_are_ranked_so_that_what_is_named_lands_first() -> None:
    """Fails when a table lands before one it refers to, or a reference names no column of a contract."""
    tables = {contract.table: contract for contract in inbound_contracts() if contract.feed == "catalog"}
    for contract in tables.values():
        for target, column in referred(contract).values():
            assert rank(target) < rank(contract.table)
            assert column in {known.name for known in tables[target].columns}


def test_tables_are_found_in_the_order_they_land(inbox: Path) -> None:
    """Fails when a later delivery, or a table that refers to another, comes first."""
    for at in ("2026-02-01", "2025-12-31T235959Z"):
        for table in ("agreements", "parties", "price_rules"):
            deliver(inbox, table, "x", at=at)
    names = [found.name for found in catalog.find(open_storage(inbox), None, Terms())]
    order = ("parties.csv", "agreements.csv", "price_rules.csv")
    assert names == [f"{at}/{table}" for at in ("2025-12-31T235959Z", "2026-02-01") for table in order]


def test_every_table_lands_from_its_own_header(inbox: Path, tmp_path: Path) -> None:
    """Fails when a contract of the catalog names a type or property that reading does not know."""
    for contract in inbound_contracts():
        if contract.feed == "catalog":
            text = io.StringIO()
            csv.writer(text).writerow([c.name for c in contract.columns if c.properties.get("source") != "path"])
            deliver(inbox, contract.table, text.getvalue().strip())
    report, _ = landed(inbox, tmp_path)
    assert (report.landed, report.rejected, report.messages) == (18, 0, [])
