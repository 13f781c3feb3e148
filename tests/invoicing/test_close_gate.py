"""Each gate's answer from rows it was made for: yes, no, and the figures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.storage import open_storage
from invoicing.close_gate import NOT_WAIVABLE, Gate, Month, examine, names
from invoicing.ledger import Head, Ledger
from tests.invoicing.test_ledger import append

JANUARY = date(2026, 1, 1)

_TABLES = """
create schema staging; create schema lake; create schema intermediate;
create table staging.stg_catalog__parties (party_id varchar, time_zone varchar, invoice_prefix varchar);
create table staging.stg_catalog__agreements (
    agreement_id varchar, seller_id varchar, buyer_id varchar, valid_from date default '2025-01-01',
    valid_to date default '9999-12-31'
);
create table staging.stg_catalog__expected_sources (source varchar, account varchar, seller_id varchar, grace_days int);
create table lake.months (time_zone varchar, billing_period date, ends_at timestamp);
create table lake.deliveries (source varchar, account varchar, billing_period date, status varchar);
create table lake.delivery_totals (
    source varchar, account varchar, billing_period date, is_current boolean, rows_in bigint, rows_quarantined bigint
);
create table fct_invoices (
    seller_id varchar, status varchar, invoice_period date, hold_reason varchar
);
create table fct_cost_and_usage (
    billing_period date, payer_account_id varchar, invoice_id varchar
);
create table intermediate.int_rating__payers_delivered (
    billing_period date, payer_account_id varchar, source varchar, account varchar
);
create table fct_reconciliation (billing_period date, unexplained decimal(38, 18));
create table fct_unrated_usage (
    billing_period date, seller_id varchar, reason varchar, holds_close boolean, charge_key varchar,
    resource_kind varchar, resource_id varchar, subscription_id varchar, kind varchar, buyer_id varchar
);
insert into staging.stg_catalog__parties values ('acme', 'Europe/Berlin', 'ACME'), ('rival', null, 'RIV');
insert into staging.stg_catalog__agreements (agreement_id, seller_id) values ('e', 'acme'), ('r', 'rival');
insert into lake.months values ('Europe/Berlin', '2026-01-01', '2026-01-31 23:00:00');
"""


@pytest.fixture
def marts() -> Iterator[duckdb.DuckDBPyConnection]:
    """The columns that the gates read, all empty."""
    with duckdb.connect() as connection:
        connection.execute(_TABLES)
        yield connection


def ask(marts: duckdb.DuckDBPyConnection, folder: Path, gate: str, **known: Any) -> Gate:
    given: dict[str, Any] = {"now": datetime(2026, 2, 5), "stale": {"2026-01": ""}, "done": ["2026-01"]}
    given |= {"failed_checks": [], "head": Head(), "period": JANUARY} | known
    month = Month(seller_id="acme", quarantine_threshold=0.01, ledger=Ledger(open_storage(folder)), **given)
    return next(answer for answer in examine(marts, month) if answer.name == gate)


def test_an_empty_month_passes_every_gate(marts: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Fails when a gate says no without a reason in the data."""
    assert all(ask(marts, tmp_path, name).passed for name in names())
    assert set(names()) > NOT_WAIVABLE


@pytest.mark.parametrize(
    ("gate", "rows", "said"),
    [
        (
            "unrated_usage",
            "fct_unrated_usage values ('2026-01-01', 'acme', 'price_gap', true, 'k', '', '', '', null, null)",
            "k",
        ),
        (
            "unrated_usage",
            "fct_unrated_usage values ('2025-12-01', null, 'no_agreement', true, 'k', '', '', '', null, null)",
            "k",
        ),
        (
            "fx",
            "fct_unrated_usage values ('2026-01-01', 'acme', 'missing_fx_rate', true, 'k', '', '', '', null, null)",
            "missing",
        ),
        (
            "unassigned_cost",
            "fct_unrated_usage values ('2026-01-01', null, 'unassigned', true, 'k', '', '', '', null, null)",
            "k",
        ),
        (
            "sharing_prices",
            "fct_unrated_usage values"
            " ('2026-01-01', null, 'missing_on_demand_price', true, 'k', '', '', '', null, null)",
            "1 × missing_on_demand_price, the first k",
        ),
        ("tax", "fct_invoices values ('acme', 'draft', '2026-01-01', 'missing_tax_rate')", "1 of 1"),
        ("reconciliation", "fct_reconciliation values ('2026-01-01', 0), ('2026-01-01', 0.01)", "1 of 2"),
        ("quarantine", "lake.delivery_totals values ('edge', 'h', '2026-01-01', true, 99, 1)", "1 of 99"),
        ("months_in_order", "fct_invoices values ('acme', 'draft', '2025-12-01', null)", "2025-12"),
        ("earlier_months_run", "lake.deliveries values ('aws_cur', 'p', '2025-12-01', 'complete')", "2025-12"),
        ("numbering", "staging.stg_catalog__parties values ('twin', null, 'ACME')", ""),
        ("sources", "staging.stg_catalog__expected_sources values ('aws_cur', 'p', 'acme', 0)", "nothing complete"),
    ],
)
def test_a_gate_says_no_with_its_figures(
    marts: duckdb.DuckDBPyConnection, tmp_path: Path, gate: str, rows: str, said: str
) -> None:
    """Faults 30, 41, 47, 54, 73. Fails when what must hold a close does not, or the answer lacks the figure."""
    marts.execute(f"insert into {rows}")
    if gate == "numbering":
        assert ask(marts, tmp_path, gate).passed, "a twin that sells nothing issues nothing"
        marts.execute("insert into staging.stg_catalog__agreements (agreement_id, seller_id) values ('t', 'twin')")
    answer = ask(marts, tmp_path, gate)
    assert not answer.passed
    assert said in answer.detail


def test_an_issued_month_that_is_not_rated_here_holds_the_close(
    marts: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """Fault 68. Fails when a warehouse that lacks an issued month could close a later one, and give the month back."""
    append(Ledger(open_storage(tmp_path)), "2025-12", seller="acme")
    answer = ask(marts, tmp_path, "month_up_to_date")
    assert (answer.passed, answer.waivable) == (False, False)
    assert "2025-12: issued, never run here" in answer.detail
    assert ask(marts, tmp_path, "month_up_to_date", done=["2025-12", "2026-01"]).passed


def test_what_is_not_the_sellers_or_does_not_hold_passes(marts: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Fails when another seller's trouble, a later month's or an uncharged meter holds the close."""
    marts.execute(
        "insert into fct_unrated_usage values ('2026-01-01', 'rival', 'price_gap', true, 'k', '', '', '', null, null)"
    )
    marts.execute(
        "insert into fct_unrated_usage values ('2026-02-01', 'acme', 'price_gap', true, 'k', '', '', '', null, null)"
    )
    marts.execute(
        "insert into fct_unrated_usage values ('2026-01-01', null, 'unused', false, 'k', '', '', '', null, null)"
    )
    marts.execute("insert into fct_invoices values ('rival', 'draft', '2026-01-01', 'missing_tax_rate')")
    assert all(ask(marts, tmp_path, name).passed for name in names())


@pytest.mark.parametrize(
    ("kind", "buyer", "passed"),
    [
        ("cost", "east", False),  # acme buys from east, so what east lacks is not on acme's bills either
        ("cost", "acme", False),
        ("cost", "other", True),  # another buyer of top's
        ("cost", "former", True),  # sold to acme until the month before
        ("recurring", "east", True),  # top's own plan for east: nobody sells that on
    ],
)
def test_a_missing_rate_further_up_the_chain_holds_whoever_sells_the_cost_on(
    marts: duckdb.DuckDBPyConnection, tmp_path: Path, kind: str, buyer: str, *, passed: bool
) -> None:
    """Fault 54. Fails when a seller can close a month whose cost has not reached it, or waits for others' cost."""
    marts.execute(
        "insert into staging.stg_catalog__agreements values ('a', 'top', 'east', '2025-01-01', '9999-12-31'),"
        " ('b', 'east', 'acme', '2026-01-31', '9999-12-31'), ('c', 'former', 'acme', '2025-01-01', '2026-01-01'),"
        " ('d', 'top', 'other', '2025-01-01', '9999-12-31'), ('e', 'top', 'former', '2025-01-01', '9999-12-31')"
    )
    marts.execute(
        "insert into fct_unrated_usage values ('2026-01-01', 'top', 'missing_fx_rate', true, 'k', '', '', '', ?, ?)",
        [kind, buyer],
    )
    assert ask(marts, tmp_path, "fx").passed is passed


@pytest.mark.parametrize(("feed", "account"), [("aws_cur", "p"), ("focus", "azure/costs")])
def test_a_bill_is_final_when_invoiced_or_when_its_grace_is_over(
    marts: duckdb.DuckDBPyConnection, tmp_path: Path, feed: str, account: str
) -> None:
    """Fault 12. Fails when a bill that its vendor may still change is taken as final inside its days of grace."""
    marts.execute("insert into staging.stg_catalog__expected_sources values (?, ?, 'acme', 5)", [feed, account])
    marts.execute("insert into lake.deliveries values (?, ?, '2026-01-01', 'complete')", [feed, account])
    marts.execute("insert into fct_cost_and_usage values ('2026-01-01', 'p', null)")
    marts.execute(
        "insert into intermediate.int_rating__payers_delivered values ('2026-01-01', 'p', ?, ?)", [feed, account]
    )
    assert not ask(marts, tmp_path, "sources", now=datetime(2026, 2, 5, 22, 59)).passed
    assert ask(marts, tmp_path, "sources", now=datetime(2026, 2, 5, 23)).passed
    marts.execute("update fct_cost_and_usage set invoice_id = '123'")
    assert ask(marts, tmp_path, "sources", now=datetime(2026, 2, 1)).passed
    marts.execute("insert into lake.deliveries values (?, ?, '2026-01-01', 'incomplete')", [feed, account])
    assert not ask(marts, tmp_path, "sources", now=datetime(2026, 3, 1)).passed


def test_months_are_issued_in_order_and_once(marts: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Fault 65. Fails when a month can be skipped, issued before its end, or issued again."""
    assert ask(marts, tmp_path, "months_in_order", head=Head(last_period="2025-12")).passed
    assert not ask(marts, tmp_path, "months_in_order", head=Head(last_period="2025-11")).passed
    assert not ask(marts, tmp_path, "months_in_order", head=Head(last_period="2026-01")).passed
    assert not ask(marts, tmp_path, "period_over", now=datetime(2026, 1, 31, 22, 59)).passed
    assert ask(marts, tmp_path, "period_over", now=datetime(2026, 1, 31, 23)).passed
    assert not ask(marts, tmp_path, "month_up_to_date", stale={"2026-01": "inputs changed"}).passed
    assert not ask(marts, tmp_path, "month_up_to_date", done=[]).passed
    assert not ask(marts, tmp_path, "checks", failed_checks=["assert_something"]).passed
