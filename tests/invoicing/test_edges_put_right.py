"""An agreement put right after an issue is two edges under one id: neither is told what the other one billed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import duckdb
import pytest

from orchestration.explaining import explained
from orchestration.tables import differences

JANUARY = date(2026, 1, 1)

# January was issued to shop; then the agreement was put right, for yard.
_ROWS = """
create schema intermediate; create schema lake;
create table lake.ledger_lines as
select date '2026-01-01' as service_period, 'e' as agreement_id, 'acme' as seller_id, 'shop' as buyer_id, 's/u/usage' as charge_key,
    'EUR' as currency, cast(10 as decimal(38, 4)) as amount;
create table intermediate.int_rating__lines_drafted as
select service_period, agreement_id, seller_id, buyer_id, charge_key, currency, -amount as amount,
    date '2026-02-01' as invoice_period, 'ACME-2026-000001/1' as corrects_line_id
from lake.ledger_lines
union all
select service_period, agreement_id, seller_id, 'yard', charge_key, currency, amount, date '2026-02-01', null from lake.ledger_lines;
create table fct_invoice_lines as
select 'ACME-2026-000001/1' as line_id, 'issued' as status, date '2026-01-01' as invoice_period, null as charge_class,
    cast(null as varchar) as corrects_line_id, amount as exact_amount, *
from lake.ledger_lines
union all
select 'draft ' || buyer_id, 'draft', invoice_period, 'Correction', corrects_line_id, amount, service_period, agreement_id, seller_id,
    buyer_id, charge_key, currency, amount
from intermediate.int_rating__lines_drafted;
create table fct_rated_charges as
select service_period, service_period as billing_period, agreement_id, seller_id, 'yard' as buyer_id, charge_key, currency, amount,
    cast(null as varchar) as commitment_id, cast(null as varchar) as adjustment_id, cast(null as varchar) as account_id
from lake.ledger_lines;
"""  # noqa: E501


@pytest.fixture
def marts() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(_ROWS)
        yield connection


def test_what_one_buyer_was_billed_is_not_told_of_the_other(marts: duckdb.DuckDBPyConnection) -> None:
    """Fails when `diff` adds the former buyer's invoice to what the new one is billed."""
    told = [
        (row["buyer_id"], row["issued_amount"], row["rated_amount"], row["difference"])
        for row in differences(marts, JANUARY)
    ]
    assert told == [("shop", Decimal(10), Decimal(0), Decimal(-10)), ("yard", Decimal(0), Decimal(10), Decimal(10))]


def test_a_line_is_explained_by_its_own_edge(marts: duckdb.DuckDBPyConnection) -> None:
    """Section 11. Fails when the former buyer's line is explained by what the new one is billed or rated: with what was
    billed since it must be what is rated now, and for the former buyer that is nothing."""
    steps = {step.name: step.rows for step in explained(marts, "ACME-2026-000001/1")}
    assert list(steps) == ["invoice line", "billed for the charge since", "rated charges"]
    assert [row["line_id"] for row in steps["billed for the charge since"]] == ["draft shop"]
    assert steps["rated charges"] == []
