"""Budgets and usage in a real browser, every figure of their tables beside the marts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pytest

from orchestration.settings import Settings
from orchestration.site import Site, build_site
from tests.conftest import SampleRun
from tests.orchestration.command import meterhouse
from tests.reports.figures import cell, money, number, shown
from tests.worlds.builder import World, api_event

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("sample_world")]
Mart = Callable[..., list[tuple[Any, ...]]]


def budgets_of(mart: Mart, month: str, party: str = "%", scope: str = "%") -> list[tuple[Any, ...]]:
    """Every budget of a month on its last known day, as its page may show it."""
    query = (
        "select coalesce(name, budgets.party_id), scope, scope_value, replace(status, '_', ' '), budget_amount,"
        " actual_to_date, forecast, forecast_low, forecast_high, budgets.currency"
        " from fct_budget_vs_actual as budgets left join dim_party as parties on budgets.party_id = parties.party_id"
        " where is_latest and strftime(budgets.billing_period, '%Y-%m') = ?"
        " and budgets.party_id like ? and scope like ?"
    )
    rows = []
    for *named, status, budget, actual, forecast, low, high, currency in mart(query, month, party, scope):
        used = None if actual is None or not budget else shown(100 * actual / budget, 0)
        amounts = [money(amount, currency) for amount in (budget, actual, forecast, low, high)]
        rows.append((*named, status, *amounts[:2], used, *amounts[2:], currency))
    return sorted(rows, key=str)


def test_budgets_show_what_is_spent_budgeted_and_expected(visit: Any, mart: Mart) -> None:
    """Fails when a budget's spend, forecast, interval or status is not the mart's, or a filter shows another choice."""
    seen = visit()
    seen.open("/budgets/")

    def on_page() -> list[tuple[Any, ...]]:
        rows = [tuple(row) for row in seen.pages_of("latest")]
        return sorted(((*row[:4], *map(cell, row[4:10]), row[10]) for row in rows), key=str)

    months = [month for (month,) in mart("select distinct strftime(billing_period, '%Y-%m') from fct_budget_vs_actual")]
    newest = max(months)
    every = budgets_of(mart, newest)
    assert len({row[1] for row in every}) >= 3 and len({row[-1] for row in every}) >= 2
    seen.comes_to(on_page, every)

    seen.choose("Scope", "account")
    accounts = budgets_of(mart, newest, scope="account")
    assert 0 < len(accounts) < len(every)
    seen.comes_to(on_page, accounts)
    seen.choose("Scope", "Party, account, service, tag")

    party, name = mart(
        "select party_id, name from dim_party where party_id in (select party_id from fct_budget_vs_actual)"
        " order by name desc"
    )[0]
    seen.choose("Party", name)
    for month in sorted(months, reverse=True)[:2]:
        seen.choose("Month", month)
        seen.comes_to(on_page, budgets_of(mart, month, party))
    assert not seen.wrong


def test_a_budget_names_the_days_on_which_its_thresholds_were_reached(visit: Any, mart: Mart) -> None:
    """Fails when a threshold, its day or the spend on it differs from the mart for the budget that is opened."""
    budget, value, month = mart(
        "select budget_id, scope_value, max(billing_period) from fct_budget_crossings where billing_period ="
        " (select max(billing_period) from fct_budget_crossings) group by all order by count(*) desc, 1, 2"
    )[0]
    expected = mart(
        "select threshold, strftime(crossed_on, '%Y-%m-%d'), threshold_amount, actual_to_date, currency"
        " from fct_budget_crossings where budget_id = ? and scope_value = ? and billing_period = ? order by threshold",
        budget,
        value,
        month,
    )
    assert len(expected) >= 2
    seen = visit()
    seen.open(f"/budgets/?id={quote(f'{budget}/{value}', safe='')}")
    seen.comes_to(
        lambda: [(number(row[0]), row[1], cell(row[2]), cell(row[3]), row[4]) for row in seen.rows("crossings")],
        [
            (shown(100 * threshold, 0), day, money(amount, currency), money(actual, currency), currency)
            for threshold, day, amount, actual, currency in expected
        ],
    )
    assert seen.page.locator("article canvas").count() >= 1


def metered(mart: Mart, meter: str, month: str, owner: str = "%") -> list[tuple[Any, ...]]:
    """What each resource used of a meter in a month, as its page may show it."""
    query = (
        "select coalesce(name, owner_party_id), resource_kind, resource_id, dimension_value,"
        " sum(period_quantity) as quantity, any_value(unit)"
        " from fct_metered_usage as usage left join dim_party on owner_party_id = party_id where meter_id = ?"
        " and strftime(usage.billing_period, '%Y-%m') = ? and coalesce(owner_party_id, '') like ? group by 1, 2, 3, 4"
    )
    return sorted(
        (
            (
                *named,
                "-" if dimension is None else dimension,
                shown(quantity, 0 if quantity == quantity.to_integral_value() else 3),
                unit,
            )
            for *named, dimension, quantity, unit in mart(query, meter, month, owner)
        ),
        key=str,
    )


def test_usage_shows_what_each_resource_used(visit: Any, mart: Mart) -> None:
    """Fails when a quantity of a meter, month or owner is not the mart's."""
    seen = visit()
    seen.open("/usage/")

    def on_page() -> list[tuple[Any, ...]]:
        return sorted(((*row[:4], number(row[4]), row[5]) for row in seen.pages_of("by_resource")), key=str)

    meters = mart("select meter_id, any_value(unit) from fct_metered_usage group by 1 order by 1")
    months = [
        month
        for (month,) in mart("select distinct strftime(billing_period, '%Y-%m') from fct_metered_usage order by 1")
    ]
    seen.comes_to(on_page, metered(mart, meters[0][0], months[-1]))
    meter, unit = meters[-1]
    seen.choose("Meter", f"{meter} ({unit})")
    seen.choose("Month", months[0])
    owner, name = mart(
        "select owner_party_id, any_value(name) from fct_metered_usage join dim_party on owner_party_id = party_id"
        " where meter_id = ? and strftime(fct_metered_usage.billing_period, '%Y-%m') = ? group by 1"
        " order by count(distinct resource_id) desc, 1",
        meter,
        months[0],
    )[0]
    seen.choose("Owner", name)
    seen.comes_to(on_page, metered(mart, meter, months[0], owner))
    assert not seen.wrong


def gateway(folder: Path) -> World:
    """A month of three APIs and two applications: 26 requests of 1.5 MB, some of them errors, at 0.004 each."""
    world = World(folder)
    world.wso2(
        "eu",
        [
            api_event(
                f"event-{index}",
                f"2026-01-{index % 27 + 1:02d}T12:00:00Z",
                api=("maps", "mail", "pay")[index % 3],
                provider="studio",
                application=("shop-app", "cafe-app")[index % 2],
                consumer="kim",
                status=500 if index % 5 == 0 else 200,
                bytes=1_500_000 + index,
            )
            for index in range(26)
        ],
    )
    return world.catalog(
        "2026-01-01",
        parties=[{"party_id": "house", "role": "distributor"}, {"party_id": "shop"}, {"party_id": "cafe"}],
        agreements=[
            {"seller_id": "house", "buyer_id": party, "currency": currency}
            for party, currency in (("shop", "USD"), ("cafe", "JPY"))
        ],
        resource_owners=[
            {"resource_kind": "api_application", "resource_id": f"{party}-app", "party_id": party}
            for party in ("shop", "cafe")
        ],
        meters=[
            {"meter_id": "api-requests", "resource_kind": "api_application", "series": "wso2_requests"}
            | {"sample_type": "event", "aggregation": "count", "unit": "request"}
        ],
        plans=[{"plan_id": "calls"}, {"plan_id": "calls-yen", "currency": "JPY"}],
        plan_charges=[
            {"charge_id": f"{plan}-request", "plan_id": plan, "meter_id": "api-requests"}
            for plan in ("calls", "calls-yen")
        ],
        charge_prices=[
            {"charge_id": "calls-request", "tier": 1, "lower": 0, "unit_price": "0.004"},
            {"charge_id": "calls-yen-request", "tier": 1, "lower": 0, "unit_price": "0.7"},
        ],
        subscriptions=[
            {"subscription_id": f"sub-{party}", "seller_id": "house", "buyer_id": party, "plan_id": plan}
            for party, plan in (("shop", "calls"), ("cafe", "calls-yen"))
        ],
        tax_rates=[{"seller_country": "DE", "rate": "0"}],
    )


def test_apis_show_who_called_them_and_what_is_charged(
    visit: Any, built: Site, sample_run: SampleRun, tmp_path: Path
) -> None:
    """Fails when requests, errors, bytes or the amount of an application differ from the mart, or its meter's total."""
    home = tmp_path / "home"
    world = gateway(tmp_path)
    meterhouse(home, "run", "--period", "2026-01", METERHOUSE_INBOX=str(world.inbox))
    shutil.copytree(sample_run.home / "reports" / "shell", home / "reports" / "shell")
    exports = home / "warehouse" / "exports"
    with duckdb.connect() as connection:
        expected = connection.execute(
            "select coalesce(api_name, api_id), provider_id, coalesce(application_name, application_id),"
            " sum(requests), sum(errors), sum(bytes), sum(amount), currency"
            f" from '{exports}/fct_api_usage/*.parquet' group by 1, 2, 3, 8"
        ).fetchall()
        (requests,) = connection.execute(
            f"select sum(quantity) from '{exports}/fct_metered_usage/*.parquet' where meter_id = 'api-requests'"
        ).fetchone() or (0,)
    assert sum(row[3] for row in expected) == requests == 26 and {row[7] for row in expected} == {"USD", "JPY"}
    seen = visit(build_site(Settings(home=home)).folder)
    seen.open("/usage/")
    seen.comes_to(
        lambda: sorted((*row[:3], *map(number, row[3:7]), row[7]) for row in seen.pages_of("apis")),
        sorted((*row[:6], money(row[6], row[7]), row[7]) for row in expected),
    )
    seen.comes_to(
        lambda: {row[2]: number(row[4]) for row in seen.rows("by_resource")},
        dict.fromkeys(("shop-app", "cafe-app"), Decimal(13)),
    )
    assert not seen.wrong
