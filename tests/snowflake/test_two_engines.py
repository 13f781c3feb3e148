"""Two engines, one answer: the main job on DuckDB and on Snowflake, mart by mart, row by row, to the last decimal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ingestion.storage import open_storage
from invoicing.ledger import Ledger
from orchestration.settings import Settings
from orchestration.snowflake_session import connect
from orchestration.warehouse import opened
from tests.orchestration.command import (
    CUSTOMER_ACCOUNT,
    NOT_CONTENT,
    RESELLER_ACCOUNT,
    bill,
    meterhouse,
    outcomes,
    tiny_world,
)
from tests.worlds.builder import World, line, reservation, sample

MONTHS = ("--period", "2026-01", "--period", "2026-02")
Marts = dict[str, tuple[list[str], list[str]]]


def shared_bill(cost: str = "88.00") -> list[dict[str, Any]]:
    """The tiny bill, with a reservation of the reseller that its customer borrows from, and a fee to split."""
    arn = reservation(RESELLER_ACCOUNT)
    used = {"type": "DiscountedUsage", "cost": "0", "sku": "T3", "ri": arn}
    return [
        *bill(cost),
        line(account=RESELLER_ACCOUNT, quantity="500", list_cost="48", ri_effective="30", ri_recurring="30", **used),
        line(
            account=CUSTOMER_ACCOUNT,
            quantity="220",
            list_cost="21.12",
            ri_effective="13.2",
            ri_recurring="13.2",
            **used,
        ),
        line(type="RIFee", account=RESELLER_ACCOUNT, cost="43.2", sku="T3", ri=arn, ri_unused_recurring="0"),
        line(type="Fee", account=RESELLER_ACCOUNT, service="Support", sku="S", cost="10.01"),
    ]


def two_months(folder: Path) -> World:
    """The tiny world, sold in the view `real`, a fee shared evenly, graduated traffic, a prorated subscription."""
    world = tiny_world(folder)
    for period in ("2026-01", "2026-02"):
        world.cur(RESELLER_ACCOUNT, period, shared_bill())
    return world.catalog(
        "2026-01-02",
        agreements=[
            {"seller_id": "aws", "buyer_id": "acme", "vendor": "aws", "cost_view": "effective"},
            {"seller_id": "acme", "buyer_id": "shop", "cost_view": "real"},
        ],
        allocation_rules=[
            {"rule_id": "support", "payer_id": RESELLER_ACCOUNT, "position": "1", "match_service": "Support"}
            | {"method": "even", "targets": f"{RESELLER_ACCOUNT};{CUSTOMER_ACCOUNT}"}
        ],
        plans=[{"plan_id": "basic"}],
        plan_charges=[
            {"charge_id": "traffic", "plan_id": "basic", "meter_id": "bytes", "charge_model": "graduated"}
            | {"tax_category": "S"},
            {"charge_id": "fee", "plan_id": "basic", "charge_type": "recurring", "charge_model": "flat"}
            | {"timing": "in_arrears", "interval": "month", "tax_category": "S"},
        ],
        charge_prices=[
            {"charge_id": "traffic", "tier": "1", "lower": "0", "upper": "1000", "unit_price": "0.01", "flat_fee": "2"},
            {"charge_id": "traffic", "tier": "2", "lower": "1000", "unit_price": "0.007"},
            {"charge_id": "fee", "tier": "1", "lower": "0", "unit_price": "10"},
        ],
        subscriptions=[
            {"subscription_id": "s1", "seller_id": "acme", "buyer_id": "shop", "plan_id": "basic"}
            | {"start_date": "2026-01-10"}
        ],
    )


def _texts(connection: Any, schema: str, names: list[str]) -> Marts:
    """Mart -> its columns and its rows as text, sorted; what differs by place and time of landing is left out."""
    found: Marts = {}
    for name in names:
        columns = [column[0] for column in connection.execute(f"select * from {schema}.{name} limit 0").description]
        # In lower case: Snowflake does not tell names apart by case.
        columns = [column.lower() for column in columns if column not in NOT_CONTENT]
        listed = ", ".join(f"cast({column} as varchar)" for column in columns)
        found[name] = columns, sorted(map(repr, connection.execute(f"select {listed} from {schema}.{name}").fetchall()))
    return found


def on_duckdb(home: Path) -> Marts:
    with opened(Settings(home=home, lake=str(home / "lake"), target="duckdb")) as connection:
        query = "select table_name from information_schema.tables where table_schema = 'main' order by 1"
        return _texts(connection, "main", [name for (name,) in connection.execute(query).fetchall()])


def on_snowflake(names: list[str]) -> Marts:
    session = connect(Settings(target="snowflake"))
    try:
        return _texts(session, "marts", names)
    finally:
        session.close()


def issued_hashes(home: Path) -> list[str]:
    """Of every invoice in the ledger: each covers its lines, its inputs and the invoice before."""
    entries = Ledger(open_storage(str(home / "lake"))).entries()
    return [invoice["content_hash"] for entry in entries for invoice in entry.invoices]


@pytest.mark.slow
@pytest.mark.dbt
@pytest.mark.xdist_group("snowflake")
def test_two_months_a_restatement_and_an_issue_are_the_same_on_both_engines(
    tmp_path: Path, snowflake_environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when any mart, invoice or ledger entry differs by a row or a digit between DuckDB and Snowflake."""
    for name, value in snowflake_environment.items():
        if name.startswith("SNOWFLAKE_"):
            monkeypatch.setenv(name, value)
    world = two_months(tmp_path)
    duck, snow = tmp_path / "duckdb", tmp_path / "snowflake"

    def both(*arguments: str, expect: int = 0) -> tuple[Any, Any]:
        inbox = ("--inbox", str(world.inbox))
        return (
            meterhouse(duck, *arguments, *inbox, expect=expect),
            meterhouse(snow, *arguments, *inbox, expect=expect, **snowflake_environment),
        )

    def same_marts() -> None:
        expected = on_duckdb(duck)
        found = on_snowflake(list(expected))
        assert expected["fct_invoice_lines"][1] and expected["fct_metered_usage"][1]
        for name, (columns, rows) in expected.items():
            assert found[name] == (columns, rows), name

    for report in both("run", *MONTHS):
        assert outcomes(report)["2026-02"] == "materialised"
    same_marts()

    # A restated January replaces the landed one whole, and a second look finds nothing to do.
    world.cur(RESELLER_ACCOUNT, "2026-01", shared_bill("90.00"))
    world.telegraf("edge-01", [sample("2026-01-27T18:00:00", "net", bytes_recv=5000)], name="late.json.gz")
    both("run", *MONTHS)
    same_marts()
    for report in both("run", *MONTHS):
        assert set(outcomes(report).values()) == {"unchanged"}

    # Usage before the subscription's first day has no price: it is told, and waived.
    waived = ("--waive", "unrated_usage", "--why", "before the first day")
    for report in both("issue", "--seller", "acme", "--period", "2026-01", *waived):
        assert report["status"] == "issued"
    assert issued_hashes(duck) == issued_hashes(snow) != []
    same_marts()
    invoices = both("invoices")
    assert invoices[0] == invoices[1]
    with opened(Settings(home=duck, lake=str(duck / "lake"), target="duckdb")) as connection:
        query = "select min(line_id) from fct_invoice_lines where charge_key like '%/T3/%'"
        (line_id,) = connection.execute(query).fetchone()
    walks = both("explain", line_id)
    assert [(step["step"], step["rows_in_all"]) for step in walks[0]] == [
        (step["step"], step["rows_in_all"]) for step in walks[1]
    ]
