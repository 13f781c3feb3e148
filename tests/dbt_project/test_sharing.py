"""Views real and standalone and the settlement on real dbt: an independent reference on generated months, properties,
and what holds a month."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from allocation_reference import control_totals, effective_cost, random_bill
from assignment_reference import Owned, assign, party_of
from shared_charges_reference import Rule, share_charges
from sharing_reference import lent_and_borrowed, settle, share, split, spread
from tiers_reference import PriceList, Tier, rerate

JANUARY, FEBRUARY, MID_JANUARY = date(2026, 1, 1), date(2026, 2, 1), date(2026, 1, 16)
BILL = "aws_cur__line_items"
CUSTOMERS = ("alpha", "beta", "gamma")
VIEWS = ("billed", "effective", "owner", "real", "standalone")
BENEFITS = ("owner", "payer", "pro_rata")
VOLUME_BENEFITS = ("as_billed", "pro_rata", "payer")


def _tiers(*prices: str) -> tuple[Tier, ...]:
    bounds = [Decimal(0), *(Decimal(50_000) * 10**step for step in range(len(prices) - 1)), None]
    return tuple(Tier(low, high, Decimal(price)) for low, high, price in zip(bounds, bounds[1:], prices, strict=False))


# Amazon S3 by SKU alone; two matches of EC2 that share one pool; a list of one tier, which pools nothing.
LISTS = (
    PriceList("AmazonS3", _tiers("0.023", "0.022", "0.021"), sku="SKU1"),
    PriceList("AmazonEC2", _tiers("0.1", "0.09"), sku="SKU1", pool="boxes"),
    PriceList("AmazonEC2", _tiers("0.1", "0.09"), usage_type="BoxUsage", pool="boxes", currency="USD"),
    PriceList("AmazonEC2", _tiers("7"), currency="EUR"),
)


# Tags and cost categories that give usage inside accounts away; in mid-January one changes hands, one starts.
TAG_OWNERS = (
    Owned("aws_tag", "user:team=web", "alpha", end=MID_JANUARY),
    Owned("aws_tag", "user:team=web", "gamma", start=MID_JANUARY),
    Owned("aws_tag", "user:team=a=b", "beta"),
    Owned("aws_tag", "project=x", "alpha", start=MID_JANUARY),
    Owned("aws_cost_category", "Unit=shop", "beta"),
)


def _tagged(line: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """The line with tags: of nobody, of somebody, of a key nobody assigns by, several at once, or none."""
    tags = {"user:team": chance.choice(["web", "a=b", "gone"]), "project": chance.choice("xy"), "Name": "n"}
    given = {key: value for key, value in tags.items() if chance.random() < 0.2}
    unit = {"Unit": chance.choice(["shop", "gone"])} if chance.random() < 0.15 else None
    return line | {"resource_tags": (given and json.dumps(given)) or None, "cost_category": unit and json.dumps(unit)}


def _under(line: dict[str, Any], payer: str, other: str) -> dict[str, Any]:
    """The same line of another payer: its id changes wherever it stands, also in ARNs."""
    return {key: value.replace(payer, other) if isinstance(value, str) else value for key, value in line.items()}


def _rules(payer: str, bills: list[list[dict[str, Any]]]) -> list[Rule]:
    """Support and tax away from the payer, a step-down of one account's part, a rule at two decimals."""
    accounts = sorted({line["line_item_usage_account_id"] for bill in bills for line in bill})
    other = next(account for account in accounts if account != payer)
    views = ("", "billed", "real", "standalone")
    return [
        Rule(f"{payer}-1", payer, 2, "proportional", driver=views[int(payer) % 4], category="Tax"),
        Rule(f"{payer}-2", payer, 1, "even", service="AmazonS3", category="Credit", account=payer, scale=2),
        Rule(f"{payer}-3", payer, 2, "fixed", category="Adjustment", targets=((other, "2"), (payer, ""), ("Z", "0.5"))),
        Rule(f"{payer}-4", payer, 3, "even", category="Adjustment", account=other),
    ]


@pytest.fixture(scope="module")
def generated(scratch_warehouse):
    """Eighteen payers in two months, each term of sharing on six of them, accounts of three customers (some changing
    hands in mid-January, some of nobody), parts of them given away by tags and cost categories, every second payer on
    the net basis, volume tiers on each term, charges shared by four rules; then the same bills under other payer
    ids (one digit more), shuffled. One build."""
    chance = random.Random(7)
    bills = [
        (payer, [_tagged(line, chance) for line in random_bill(400 + seed, payer, month, lines=60 + 10 * seed)])
        for seed in range(18)
        for payer in [f"0000000{seed:05d}"]
        for month in (JANUARY, FEBRUARY)
    ]
    lines = [line for _, bill in bills for line in bill]
    again = [_under(line, payer, payer + "9") for payer, bill in bills for line in bill]
    chance.shuffle(again)
    benefits = {f"0000000{seed:05d}{last}": BENEFITS[seed % 3] for seed in range(18) for last in ("", "9")}
    volumes = {payer: VOLUME_BENEFITS[int(payer[:12]) // 3 % 3] for payer in benefits}
    net = {payer for payer in benefits if int(payer[:12]) % 2}

    accounts = sorted({line["line_item_usage_account_id"] for line in lines} | {"999999999999"})
    owners = list(TAG_OWNERS)
    for account in accounts:
        first, second = chance.choice(CUSTOMERS), chance.choice(CUSTOMERS)
        if chance.random() < 0.2:
            continue
        spans = [Owned("aws_account", account, first)]
        if chance.random() < 0.3:
            spans = [replace(spans[0], end=MID_JANUARY), Owned("aws_account", account, second, start=MID_JANUARY)]
        owners += spans
        if account.startswith("0000000"):
            owners += [replace(span, resource=account + "9") for span in spans]

    def party(account: str, day: date) -> str:
        return party_of(account, day, owners) or f"account {account}"

    rules = [
        rule
        for payer in sorted({payer for payer, _ in bills})
        for rule in _rules(payer, [bill for owner, bill in bills if owner == payer])
    ]
    recorded = {"recorded_at": "2026-01-01 00:00:00"}
    warehouse = scratch_warehouse(
        {
            BILL: lines + again,
            "catalog__payers": [
                {"payer_id": payer, "vendor": "aws", "cost_basis": "net" if payer in net else None} | recorded
                | {"sharing_benefit": None if benefit == "owner" else benefit, "volume_benefit": volumes[payer]}
                for payer, benefit in benefits.items()
            ],
            "catalog__vendor_prices": [row | recorded for prices in LISTS for row in prices.rows()],
            "catalog__allocation_rules": [
                row | recorded
                for rule in rules
                for row in (rule.row(), _under(rule.row(), rule.payer, rule.payer + "9"))
            ],
            "catalog__resource_owners": [owner.row() | recorded for owner in owners],
            "delivery_totals": control_totals(lines + again),
        }
    )  # fmt: skip
    warehouse.build("+fct_account_costs +fct_sharing_settlement +int_rating__costs_assigned", "2026-01", "2026-03")
    lines = assign(lines, owners)
    reference = share(lines, net, benefits, party)
    pro_rata = {payer for payer, benefit in benefits.items() if benefit == "pro_rata"}
    rerate(reference, lines, LISTS, net, volumes, party, pro_rata)
    spread(reference, benefits)
    settle(reference)
    moved = share_charges(reference, lines, net, rules)
    for (month, payer, _, _, account, _, _, _, currency), amount in moved.items():
        for view in (reference.effective, reference.owner, reference.real, reference.standalone):
            view[month, payer, account, currency] += amount
    return warehouse, reference, moved, lines, net, lent_and_borrowed(lines, party)


def accounts_seen(warehouse, view: str, digits: int = 12) -> dict[tuple[Any, ...], Decimal]:
    """Amounts by period, payer, account or part of one, and currency."""
    rows = warehouse.rows(
        f"""select billing_period, payer_account_id, {_part("sub_account_id", "assigned_by")}, currency, sum(amount)
        from fct_account_costs where cost_view = ? and length(payer_account_id) = ? group by all""",
        view,
        digits,
    )
    return {tuple(key): amount for *key, amount in rows if amount}


def _part(account: str, assigned_by: str) -> str:
    return f"{account} || case {assigned_by} when '-' then '' else '#' || {assigned_by} end"


@pytest.mark.dbt
@pytest.mark.parametrize("view", VIEWS)
def test_every_account_carries_what_the_reference_says(generated, view):
    """Fails when sharing is settled or a customer is seen alone otherwise than money.md section 4 says; the build
    before it fails when a view does not sum, or real is not effective + paid - received."""
    warehouse, reference, *_ = generated
    expected = {key: amount for key, amount in getattr(reference, view).items() if amount}
    found = accounts_seen(warehouse, view)
    assert {key: (found.get(key), expected.get(key)) for key in found.keys() ^ expected.keys()} == {}
    assert {key: (found[key], expected[key]) for key in found if found[key] != expected[key]} == {}


@pytest.mark.dbt
def test_who_owes_whom_is_what_the_reference_says(generated):
    """Fails when a transfer has another amount, direction or mechanism, is missing, or one too many is there."""
    warehouse, reference, *_ = generated
    rows = warehouse.rows(
        f"""select billing_period, payer_account_id, {_part("from_account_id", "from_assigned_by")},
        {_part("to_account_id", "to_assigned_by")}, mechanism, currency, amount,
        lent_amount from fct_sharing_settlement where length(payer_account_id) = 12"""
    )
    assert {row[:6]: row[6:] for row in rows} == reference.transfers
    assert {row[4] for row in rows} == {"ri", "savings_plan", "volume_tier", "pro_rata"}


@pytest.mark.dbt
@pytest.mark.parametrize("view", ["effective", "owner", "real", "standalone"])
def test_shared_charges_move_as_the_reference_moves_them(generated, view):
    """Fails when a rule takes, splits or passes on a charge otherwise than money.md section 4 says, in any view."""
    warehouse, _, moved, *_ = generated
    rows = warehouse.rows(
        f"""select billing_period, payer_account_id, allocation_rule_id,
        {_part("origin_account_id", "origin_assigned_by")}, {_part("sub_account_id", "assigned_by")}, service_name,
        sku_id, charge_category, currency, amount from fct_account_costs
        where component = 'shared' and cost_view = ? and length(payer_account_id) = 12""",
        view,
    )
    found = {row[:9]: row[9] for row in rows}
    assert {
        key: (found.get(key), moved.get(key)) for key in found.keys() | moved.keys() if found.get(key) != moved.get(key)
    } == {}
    assert {key[2][-1] for key in found} == {"1", "2", "3", "4"}


@pytest.mark.dbt
@pytest.mark.parametrize("view", VIEWS)
def test_the_order_of_the_rows_decides_nothing(generated, view):
    """Fails when shuffled lines of the same month, under another payer's id, give other costs (fault 52). The other
    ids sort like the first ones, because ties go by key."""
    warehouse, *_ = generated

    shuffled = {
        (period, payer[:12], account.replace(payer, payer[:12]), currency): amount
        for (period, payer, account, currency), amount in accounts_seen(warehouse, view, 13).items()
    }
    assert shuffled == accounts_seen(warehouse, view)


@pytest.mark.dbt
@pytest.mark.parametrize("view", ["billed", "effective", "owner", "real"])
def test_every_view_sums_to_the_payers_total(generated, view):
    """Fails when a view of a payer's month loses or adds a digit, or amounts of two currencies meet (fault 52)."""
    warehouse, _, _, lines, net, _ = generated
    expected: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for line in lines:
        payer, printed = line["bill_payer_account_id"], line["line_item_unblended_cost"]
        amount = printed if view == "billed" else effective_cost(line, payer in net)
        expected[line["billing_period"], payer, line["line_item_currency_code"]] += amount
    found: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for (period, payer, _, currency), amount in accounts_seen(warehouse, view).items():
        found[period, payer, currency] += amount
    assert found == expected
    assert min(found.values()) < 0 < max(found.values())  # totals that are negative split, too


@pytest.mark.dbt
def test_what_is_borrowed_of_a_commitment_is_lent(generated):
    """Fails when borrowers and the owner of a commitment carry different amounts or quantities on a day, or what
    accounts paid and received does not net to zero (fault 52)."""
    warehouse, *_ = generated
    sides = {
        component: warehouse.rows(
            """select billing_period, payer_account_id, commitment_discount_id, charge_date, service_name, sku_id,
            currency, sum(amount), sum(quantity) from fct_account_costs where cost_view = ? and component = ?
            group by all having sum(amount) <> 0 or sum(quantity) <> 0 order by all""",
            view,
            component,
        )
        for view, component in (("effective", "borrowed"), ("owner", "lent"))
    }
    assert sides["borrowed"] == sides["lent"] != []
    settled = warehouse.rows(
        """select billing_period, payer_account_id, currency,
        sum(case cost_view when 'real' then amount else -amount end)
        from fct_account_costs where cost_view in ('real', 'effective') group by all"""
    )
    assert {amount for *_, amount in settled} == {0}


@pytest.mark.dbt
def test_who_lends_and_borrows_in_an_hour_is_an_upper_bound(generated):
    """Fails when an hour, its customers or a line without hours is told apart otherwise than the reference does."""
    warehouse, *_, expected = generated
    rows = warehouse.rows(
        """select distinct billing_period, payer_account_id, charge_date, from_account_id, to_account_id,
        borrower_lends_too, lender_borrows_too from intermediate.int_allocation__commitments_borrowed
        where is_across_customers and length(payer_account_id) = 12"""
    )
    assert {row[:5]: row[5:] for row in rows} == expected
    assert len({row[5:] for row in rows}) == 4  # neither, either, both


@pytest.mark.dbt
def test_without_sharing_standalone_is_effective(generated):
    """Fails when standalone differs for a payer in whose month nothing crossed from one customer to another
    and no tier is pooled, or such a payer does not occur."""
    warehouse, *_ = generated
    crossed = set(
        warehouse.rows(
            "select distinct billing_period, payer_account_id from intermediate.int_allocation__commitments_borrowed"
            " where is_across_customers"
            " union select distinct billing_period, payer_account_id from intermediate.int_allocation__tiers_rerated"
        )
    )
    alone, effective = accounts_seen(warehouse, "standalone"), accounts_seen(warehouse, "effective")
    quiet = {key for key in effective if key[:2] not in crossed}
    assert {key: alone.get(key) for key in quiet} == {key: effective[key] for key in quiet}
    assert alone != effective


@pytest.fixture(scope="module")
def small(scratch_warehouse):
    """Payer 1: quiet, its account borrows within one customer. Payer 2: A and B lend to each other on one day. Payer 3:
    something borrowed has no price. Gives the warehouse and the names of the failed tests."""

    def line(number: int, payer: str, account: str, owner: str, listed: str | None) -> dict[str, object]:
        return {
            "bill_payer_account_id": payer, "billing_period": JANUARY, "line_item_usage_account_id": account,
            "line_item_line_item_type": "DiscountedUsage", "line_item_product_code": "AmazonEC2", "product_sku": "T3",
            "line_item_usage_start_date": datetime(2026, 1, 5), "line_item_currency_code": "USD",
            "line_item_unblended_cost": "0", "line_item_usage_amount": "10", "reservation_effective_cost": "0.6",
            "reservation_reservation_a_r_n": f"arn:aws:ec2:eu-west-1:{owner}:reserved-instances/r",
            "pricing_public_on_demand_cost": listed, "delivery_id": f"d{payer}", "source_row": number,
            "source_file": "f",
        }  # fmt: skip

    lines = [
        line(1, "1", "C", "A", "0.96"),
        line(1, "2", "A", "B", "0.96"),
        line(2, "2", "B", "A", "0.96"),
        line(3, "2", "C", "A", "0.96"),
        line(1, "3", "B", "A", None),
    ]
    owned = {"resource_kind": "aws_account", "recorded_at": "2026-01-01 00:00:00"}
    landed = {
        "source": "aws_cur",
        "billing_period": JANUARY,
        "currency": "USD",
        "amount_landed": "0",
        "is_current": True,
    }
    warehouse = scratch_warehouse(
        {
            BILL: lines,
            "catalog__resource_owners": [
                owned | {"resource_id": account, "party_id": party}
                for account, party in {"A": "alpha", "B": "beta", "C": "alpha"}.items()
            ],
            "catalog__agreements": [  # somebody sells on real cost, so that a price that is missing matters
                {"agreement_id": "real", "seller_id": "s", "buyer_id": "alpha", "currency": "USD", "cost_view": "real"}
                | {"recorded_at": "2026-01-01 00:00:00"}
            ],
            "delivery_totals": [
                landed | {"delivery_id": f"d{payer}", "rows_loaded": count}
                for payer, count in {1: 1, 2: 3, 3: 1}.items()
            ],
        }
    )
    done = warehouse.dbt(
        "build", "--select", "+fct_sharing_settlement", "+fct_account_costs", "dim_account", "--exclude-resource-type",
        "unit_test", "--event-time-start", "2026-01-01", "--event-time-end", "2026-02-01",
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    return warehouse, {
        word for row in done.stdout.splitlines() if "FAIL " in row for word in row.split() if "assert_" in word
    }


@pytest.mark.dbt
def test_a_missing_price_holds_the_month_and_is_named(small):
    """Fails when something borrowed without a price lets the month pass, counts as free, or is not named (fault 47)."""
    warehouse, failed = small
    assert failed == {"assert_every_borrowed_hour_has_a_price"}
    assert warehouse.rows(
        """select payer_account_id, from_account_id, to_account_id, service_name, quantity, effective_cost
        from test_failures.assert_every_borrowed_hour_has_a_price"""
    ) == [("3", "B", "A", "AmazonEC2", 10, Decimal("0.6"))]
    views = warehouse.rows(
        """select cost_view, sum(amount) from fct_account_costs where payer_account_id = '3' and sub_account_id = 'B'
        and cost_view in ('effective', 'real', 'standalone') group by all order by all"""
    )
    assert views == [(view, Decimal("0.6")) for view in ("effective", "real", "standalone")]


@pytest.mark.dbt
def test_a_customer_that_lends_and_borrows_in_an_hour_is_flagged(small):
    """Fails when standalone does not say where it is an upper bound, says so of others, or a customer's own accounts
    count as strangers."""
    warehouse, _ = small
    rows = warehouse.rows(
        """select payer_account_id, sub_account_id, component, sum(amount), is_upper_bound from fct_account_costs
        where cost_view = 'standalone' and payer_account_id in ('1', '2') group by all order by all"""
    )
    assert rows == [
        ("1", "C", "borrowed", Decimal("0.6"), False),
        ("2", "A", "on_demand", Decimal("0.96"), True),
        ("2", "A", "unused", Decimal("0.6"), True),
        ("2", "B", "on_demand", Decimal("0.96"), True),
        ("2", "B", "unused", Decimal("0.6"), True),
        ("2", "C", "borrowed", Decimal("0.6"), False),
    ]


def test_a_split_preserves_the_total_and_ties_go_by_key():
    """Fails when the reference's largest remainder departs from the examples of money.md section 1 (fault 52)."""
    even = {"A": Decimal(1), "B": Decimal(1), "C": Decimal(1)}
    assert split(Decimal(5), even, 0) == {"A": 2, "B": 2, "C": 1}
    assert split(Decimal("0.05"), dict(reversed(even.items())), 2) == {
        "A": Decimal("0.02"), "B": Decimal("0.02"), "C": Decimal("0.01"),
    }  # fmt: skip
    assert split(Decimal(-5), even, 0) == {"A": -2, "B": -2, "C": -1}
    assert split(Decimal(1), {"A": Decimal(1), "B": Decimal(-1)}) is None
