"""Budgets, their crossings and the daily series they are measured by, against plain Python, on random worlds."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

import pytest

from tests.dbt_project.budgets_reference import DAY, ZERO, Budget, crossings, days_of, exact, last_day, spread

pytestmark = pytest.mark.dbt

DECEMBER, JANUARY, FEBRUARY = date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1)
AS_OF = date(2026, 2, 17)
CURRENCIES = ("USD", "EUR", "JPY", "CHF")
RATES = {  # (from, to, month): what the catalog delivers; CHF has none
    (source, target, month): Decimal(rate) + month.month
    for month in (JANUARY, FEBRUARY)
    for source, target, rate in (("USD", "EUR", "0.9"), ("USD", "JPY", "150.25"), ("EUR", "USD", "1.0625"))
}
FIXED = Decimal("0.875")  # on party-0's agreement, for whatever currency comes
THRESHOLDS = {
    None: ("0.5", "0.8", "1"),
    "0.25;1": ("0.25", "1"),
    "50; 110": ("0.5", "1.1"),
    "3%;2.5%": ("0.03", "0.025"),
    "1;1.5": ("1", "1.5"),
}


def amount(dice: random.Random, low: float = -5, high: float = 100) -> Decimal:
    return Decimal(f"{dice.uniform(low, high):.6f}")


def spends(dice: random.Random) -> dict:
    """Series of ten parties: dense, sparse, late, in one currency or two; from December to after the clock's day."""
    found = {}
    for number in range(10):
        party = f"party-{number}"
        for scope, value in (("party", party), ("account", f"acct-{number}"), ("tag", "team=web")):
            for currency in dice.sample(CURRENCIES, dice.choice((0, 1, 1, 1, 2))):
                start = dice.choice((DECEMBER, JANUARY + 9 * DAY, FEBRUARY, FEBRUARY + 14 * DAY))
                density = dice.choice((1.0, 1.0, 0.3))
                days = [start + offset * DAY for offset in range((date(2026, 3, 1) - start).days)]
                found[(party, scope, value), currency] = {
                    day: amount(dice)
                    for day in days
                    if dice.random() < density and (day <= AS_OF or dice.random() < 0.1)
                }
    return {series: days for series, days in found.items() if days}


def budgets(dice: random.Random) -> list[tuple[Budget, str | None]]:
    found = []
    for number in range(120):
        party, month = f"party-{number % 10}", dice.choice((JANUARY, FEBRUARY))
        scope, value = dice.choice((("party", party), ("account", f"acct-{number % 10}"), ("tag", "team=web")))
        currency, text = dice.choice(CURRENCIES), dice.choice(list(THRESHOLDS))
        rates = {source: rate for (source, target, of), rate in RATES.items() if (target, of) == (currency, month)}
        if (party, currency) == ("party-0", "EUR"):
            rates = dict.fromkeys(CURRENCIES, FIXED)
        limit = dice.choice((amount(dice, 1, 1500), Decimal(0), amount(dice, 1000, 90000)))
        shares = [Decimal(share) for share in THRESHOLDS[text]]
        found.append((Budget(f"b-{number}", (party, scope, value), month, limit, currency, shares, rates), text))
    return found


@pytest.fixture(scope="module")
def worlds():
    dice = random.Random(20260117)
    return spends(dice), budgets(dice)


@pytest.fixture(scope="module")
def charges():
    """Charges of cloud cost on edges, with the costs behind them, and of plans with their charge periods."""
    dice = random.Random(7)
    cloud, plans = [], []
    for number in range(40):
        start = JANUARY + dice.randrange(25) * DAY
        end = start + dice.randrange(1, 7) * DAY
        costs = {start + offset * DAY: amount(dice) for offset in range((end - start).days) if dice.random() < 0.8}
        if number == 3:
            costs = {start: Decimal(4), start + DAY: Decimal(-4)}  # they cancel out
            end = start + 2 * DAY
        buyer = "buyer-cancelled" if number == 3 else f"buyer-{number % 5}"
        cloud.append((buyer, f"account-{number}", start, end, amount(dice, -50, 500), costs))
    cloud.append(("buyer-alone", "account-alone", JANUARY, JANUARY + 9 * DAY, Decimal(7), {}))
    for number in range(20):
        start = JANUARY + dice.randrange(-40, 45) * DAY
        end = start + dice.randrange(1, 90) * DAY
        plans.append((f"buyer-{number % 5}", start, end, amount(dice, 1, 500)))
    return cloud, plans


@pytest.fixture(scope="module")
def warehouse(scratch_warehouse, worlds, charges):
    spend, listed = worlds
    known = {"recorded_at": "2026-01-01"}
    former = {"recorded_at": "2025-12-01", "currency": "USD"}
    parties = [f"party-{number}" for number in range(10)] + [
        *(f"buyer-{number}" for number in range(5)),
        "buyer-cancelled",
        "buyer-alone",
    ]
    agreements = [{"agreement_id": f"seller-{party}", "buyer_id": party, "currency": "USD"} for party in parties]
    agreements[0] |= {"currency": "EUR", "fx_fixed_rate": str(FIXED)}
    built = scratch_warehouse(
        {
            "catalog__parties": [{"party_id": party, "name": party, "role": "customer"} | known for party in parties],
            "catalog__agreements": [
                row | {"seller_id": "seller", "cost_view": "effective"} | known for row in agreements
            ],
            "catalog__fx_rates": [
                {
                    "from_currency": source,
                    "to_currency": target,
                    "period": f"{month:%Y-%m}",
                    "rate": rate,
                    "source": "ecb",
                }
                | known
                for (source, target, month), rate in RATES.items()
            ],
            "catalog__budgets": [
                {
                    "budget_id": budget.id,
                    "party_id": budget.series[0],
                    "scope": budget.series[1],
                    "scope_value": None if budget.series[1] == "party" else budget.series[2],
                    "period": f"{budget.month:%Y-%m}",
                    "amount": budget.amount,
                    "currency": budget.currency,
                    "thresholds": text,
                }
                | known
                for budget, text in listed
            ]
            # The table delivered before: replaced whole.
            + [
                {"budget_id": "old", "party_id": "party-1", "scope": "party", "period": "2026-01", "amount": 1} | former
            ],
            "as_of": [{"as_of_date": AS_OF}],
        }
    )
    built.build("+path:models/marts/budgets", "2026-01", "2026-03")
    with built.connect() as connection:
        connection.executemany(
            "insert into fct_daily_spend values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (day.replace(day=1), day.replace(day=1), "/".join((*series, currency)), *series, day, value, currency)
                for (series, currency), days in spend.items()
                for day, value in days.items()
            ],
        )
        cloud, plans = charges
        connection.execute(
            "insert into intermediate.int_allocation__bill_totaled (billing_period, payer_account_id, provider_name)"
            " values (?, 'payer', 'AWS')",
            [JANUARY],
        )
        connection.executemany(
            "insert into intermediate.int_allocation__costs_seen (billing_period, charge_date, payer_account_id,"
            " sub_account_id, service_name, sku_id, charge_category, seen_in, amount, currency)"
            " values (?, ?, 'payer', ?, 'EC2', 'sku', 'Usage', ?, ?, 'USD')",
            [
                (JANUARY, day, account, view, cost if view == "effective" else Decimal(1))
                for _, account, _, _, _, costs in cloud
                for day, cost in costs.items()
                for view in ("effective", "billed")
            ],
        )
        connection.executemany(
            "insert into fct_rated_charges (billing_period, agreement_id, buyer_id, payer_account_id, account_id,"
            " vendor, service_name, sku_id, charge_category, charge_period_start, charge_period_end, amount, currency,"
            " is_vendor_edge) values (?, ?, ?, ?, ?, ?, 'EC2', 'sku', 'Usage', ?, ?, ?, 'USD', false)",
            [
                (JANUARY, f"seller-{buyer}", buyer, "payer", account, "aws", start, end, charged)
                for buyer, account, start, end, charged, _ in cloud
            ]
            + [
                (JANUARY, f"seller-{buyer}", buyer, None, None, None, start, end, charged)
                for buyer, start, end, charged in plans
            ],
        )
    built.build(
        "int_budgets__cloud_charges_spread int_budgets__plan_charges_spread int_budgets__charges_dated"
        " int_budgets__days fct_budget_vs_actual fct_budget_crossings",
        "2026-01",
        "2026-03",
    )
    return built


def last_known(spend: dict, month: date) -> date:
    """January is over on the clock's day; of February the last day with spend until then."""
    return last_day(month) if month == JANUARY else max(day for days in spend.values() for day in days if day <= AS_OF)


def test_every_budget_says_on_every_known_day_what_the_reference_says(warehouse, worlds):
    """Fails when a day is missing, or its actual, forecast, interval or status departs from the reference."""
    spend, listed = worlds
    wanted = [
        (budget.id, day.day, day.actual, day.forecast, day.low, day.high, day.status)
        for budget, _ in listed
        for day in days_of(budget, spend, last_known(spend, budget.month))
    ]
    had = warehouse.rows(
        "select budget_id, budget_date, actual_to_date, forecast, forecast_low, forecast_high, status"
        " from fct_budget_vs_actual"
    )
    assert sorted(had, key=lambda row: row[:2]) == sorted(wanted, key=lambda row: row[:2])
    assert {row[-1] for row in had} == {"on_track", "at_risk", "exceeded", None}


def test_a_threshold_is_crossed_on_the_first_day_that_reaches_it(warehouse, worlds):
    """Fails when a crossing is missing, dated on another day, told twice, or taken back by a later credit."""
    spend, listed = worlds
    wanted = {
        (budget.id, threshold, day)
        for budget, _ in listed
        for threshold, day in crossings(budget, days_of(budget, spend, last_known(spend, budget.month))).items()
    }
    had = warehouse.rows("select budget_id, threshold, crossed_on from fct_budget_crossings")
    assert len(had) == len(wanted) > 30
    assert set(had) == wanted


def test_spend_without_a_rate_is_said_and_not_guessed(warehouse, worlds):
    """Fails when a budget adds two currencies, or has a status though a part of its spend has no rate into it."""
    spend, listed = worlds
    without = {
        budget.id
        for budget, _ in listed
        for (series, currency), days in spend.items()
        if series == budget.series
        and currency not in (budget.currency, *budget.rates)
        and any(budget.month - 28 * DAY <= day <= last_known(spend, budget.month) for day in days)
    }
    had = warehouse.rows("select distinct budget_id, reason from fct_budget_vs_actual where reason is not null")
    assert without and {budget for budget, _ in had} == without
    assert all(reason.startswith("no rate from ") and "fx_rates" in reason for _, reason in had)


def test_charges_are_spread_over_days_and_add_up_to_themselves(warehouse, charges):
    """Fails when a buyer's day departs from the reference, or its days do not sum to its charges exactly."""
    cloud, plans = charges
    wanted: dict[tuple[str, date], Decimal] = defaultdict(Decimal)
    totals: dict[str, Decimal] = defaultdict(Decimal)
    behind: dict[str, dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for buyer, _, _, _, charged, costs in cloud:
        totals[buyer] += charged
        for day, cost in costs.items():
            behind[buyer][day] += cost
    for buyer, charged in totals.items():
        last = max(end for other, _, _, end, _, _ in cloud if other == buyer) - DAY
        for day, part in spread(charged, behind[buyer], last).items():
            wanted[buyer, day] += part
    placed: dict[tuple[str, date, date], Decimal] = defaultdict(Decimal)
    for buyer, start, end, charged in plans:
        first, after = max(start, JANUARY), min(end, FEBRUARY)
        placed[(buyer, first, after) if first < after else (buyer, FEBRUARY - DAY, FEBRUARY)] += charged
    for (buyer, first, after), charged in placed.items():
        days = {first + offset * DAY: ZERO for offset in range((after - first).days)}
        for day, part in spread(charged, days, after - DAY).items():
            wanted[buyer, day] += part
    had = warehouse.rows("select party_id, charge_date, amount from intermediate.int_budgets__charges_dated")
    assert {(party, day): value for party, day, value in had} == {key: exact(value) for key, value in wanted.items()}
    sums = warehouse.rows(
        "select party_id, sum(amount) from intermediate.int_budgets__charges_dated group by all order by all"
    )
    assert sums == warehouse.rows("select buyer_id, sum(amount) from fct_rated_charges group by all order by all")


def test_a_forecast_counts_from_the_day_it_was_made_on(warehouse, worlds):
    """Fails when days before the origin use a forecast made later, or what has passed is still counted as ahead."""
    spend, listed = worlds
    alone = [series for series, _ in spend if [other for other, _ in spend].count(series) == 1]
    budget = next(b for b, _ in listed if b.month == FEBRUARY and b.series in alone and (b.series, b.currency) in spend)
    origin = AS_OF - 2 * DAY
    ahead = [origin + timedelta(days=offset) for offset in range(1, 14) if origin + offset * DAY < date(2026, 3, 1)]
    series = {"party_id": budget.series[0], "scope": budget.series[1], "scope_value": budget.series[2]}
    warehouse.insert(
        "forecasts",
        [
            series
            | {
                "series_id": "/".join((*budget.series, budget.currency)),
                "currency": budget.currency,
                "origin_date": origin,
                "forecast_date": day,
                "model": "theta",
                "forecast": 10,
                "forecast_low": 5,
                "forecast_high": 20,
                "month_forecast": 10 * number,
                "month_forecast_low": 7 * number,
                "month_forecast_high": 15 * number,
            }
            for number, day in enumerate(ahead, start=1)
        ],
    )
    rows = warehouse.rows(
        "select budget_date, forecast_model, actual_to_date, forecast, forecast_low, forecast_high"
        f" from fct_budget_vs_actual where budget_id = '{budget.id}' order by 1"
    )
    count = len(ahead)
    for day, model, actual, forecast, low, high in rows:
        assert model == ("theta" if day >= origin else "run_rate")
        if day >= origin:
            passed = (day - origin).days
            assert (forecast, low, high) == (
                actual + 10 * (count - passed),
                actual + 7 * count - 10 * passed,
                actual + 15 * count - 10 * passed,
            )
    assert rows[-1][1] == "theta"
