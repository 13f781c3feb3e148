"""What holds on every AWS bill holds on the sample's (money.md sections 3 and 4)."""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal

import pytest

from samples.aws_bill import payer_bill
from samples.aws_commitments import RESERVATIONS, SAVINGS_PLANS
from samples.cur_columns import NUMBERS
from samples.reference.costs import costs, totals
from samples.world import ACCOUNTS, MONTHS, PARQUET_MONTH, PAYER_A, PAYER_B
from tests.samples.conftest import SEED

BILLS = [(payer, period) for payer in (PAYER_A, PAYER_B) for period in MONTHS]


@pytest.fixture(scope="module")
def bills():
    """Lines by (payer, period), final versions."""
    return {(payer, period): payer_bill(SEED, payer, period, 2) for payer, period in BILLS}


def _of(lines, kind, arn_column=None, arn=None):
    return [
        line
        for line in lines
        if line["line_item_line_item_type"] == kind and (arn is None or line.get(arn_column) == arn)
    ]


@pytest.mark.parametrize("bill", BILLS, ids=str)
def test_a_reservation_s_fee_is_what_was_used_and_what_was_not(bills, bill):
    """Fails when RIFee and the hours drawn tell different recurring fees, or hours are lost."""
    lines = bills[bill]
    for reservation in RESERVATIONS:
        if reservation.payer != bill[0]:
            continue
        drawn = _of(lines, "DiscountedUsage", "reservation_reservation_a_r_n", reservation.arn)
        (fee,) = _of(lines, "RIFee", "reservation_reservation_a_r_n", reservation.arn)
        used = sum(line["reservation_recurring_fee_for_usage"] for line in drawn)
        assert fee["line_item_unblended_cost"] == used + fee["reservation_unused_recurring_fee"]
        hours = sum(line["line_item_usage_amount"] for line in drawn)
        assert fee["line_item_usage_amount"] == hours + fee["reservation_unused_quantity"]
        assert 0 < fee["reservation_unused_quantity"] < fee["line_item_usage_amount"]
        assert all(
            line["reservation_effective_cost"]
            == line["reservation_recurring_fee_for_usage"] + line["reservation_amortized_upfront_cost_for_usage"]
            for line in drawn
        )
        borrowers = {line["line_item_usage_account_id"] for line in drawn} - {reservation.owner}
        assert borrowers == set(reservation.borrowers)


@pytest.mark.parametrize("bill", BILLS, ids=str)
def test_a_savings_plan_never_gives_more_than_its_commitment(bills, bill):
    """Fails when an hour's fee is not its commitment, or covered usage and `used` differ, or a negation is missing."""
    lines = bills[bill]
    for plan in SAVINGS_PLANS:
        if plan.payer != bill[0]:
            continue
        by_hour = defaultdict(Decimal)
        for line in _of(lines, "SavingsPlanCoveredUsage", "savings_plan_savings_plan_a_r_n", plan.arn):
            by_hour[line["line_item_usage_start_date"]] += line["savings_plan_savings_plan_effective_cost"]
        for fee in _of(lines, "SavingsPlanRecurringFee", "savings_plan_savings_plan_a_r_n", plan.arn):
            used, commitment = fee["savings_plan_used_commitment"], fee["savings_plan_total_commitment_to_date"]
            assert used == by_hour.pop(fee["line_item_usage_start_date"], 0)
            assert 0 <= used <= commitment
            assert (
                commitment
                == fee["line_item_unblended_cost"]
                + (fee["savings_plan_amortized_upfront_commitment_for_billing_period"])
            )
        assert not by_hour
    covered = sum(line["line_item_unblended_cost"] for line in _of(lines, "SavingsPlanCoveredUsage"))
    negated = sum(line["line_item_unblended_cost"] for line in _of(lines, "SavingsPlanNegation"))
    assert covered == -negated != 0


@pytest.mark.parametrize("bill", BILLS, ids=str)
def test_storage_is_priced_over_the_payer_as_a_whole(bills, bill):
    """Fails when the lines of a tiered service do not add up to the tiered price of the pooled quantity."""
    storage = [line for line in bills[bill] if line.get("product_sku") == "S3STORAGE000001"]
    pooled = sum(line["line_item_usage_amount"] for line in storage)
    price = min(pooled, Decimal(51200)) * Decimal("0.023") + max(Decimal(0), pooled - 51200) * Decimal("0.022")
    assert sum(line["line_item_unblended_cost"] for line in storage) == price
    assert len({line["line_item_usage_account_id"] for line in storage}) > 10


def test_one_payer_s_pool_reaches_the_second_tier(bills):
    """Fails when no sample month prices storage in two tiers."""
    rates = Counter(
        line["line_item_unblended_rate"]
        for lines in bills.values()
        for line in lines
        if line.get("product_sku") == "S3STORAGE000001"
    )
    assert rates.keys() == {"0.023", "0.022"}


@pytest.mark.parametrize("bill", BILLS, ids=str)
def test_every_view_sums_to_the_bill(bills, bill):
    """Fails when lent and borrowed differ or a view loses an amount."""
    lines = bills[bill]
    summed = totals(costs(*bill, lines), "view")
    components = totals(costs(*bill, lines), "view", "component")
    assert summed["billed",] == sum(line["line_item_unblended_cost"] for line in lines)
    assert summed["effective",] == summed["owner",]
    assert components["effective", "borrowed"] == components["owner", "lent"] > 0


def test_the_bills_hold_every_kind_of_line(bills):
    """Fails when the sample no longer shows a type of line the house must know."""
    kinds = {line["line_item_line_item_type"] for lines in bills.values() for line in lines}
    assert kinds == {
        "Usage", "DiscountedUsage", "RIFee", "Fee", "SavingsPlanCoveredUsage", "SavingsPlanNegation",
        "SavingsPlanRecurringFee", "SavingsPlanUpfrontFee", "Tax", "Credit", "Refund", "EdpDiscount", "BundledDiscount",
    }  # fmt: skip
    assert len(ACCOUNTS) == 30
    assert {len({line["line_item_usage_account_id"] for line in lines}) for lines in bills.values()} == {14, 16}
    for period in MONTHS:
        assert 10_000 < sum(len(bills[payer, period]) for payer in (PAYER_A, PAYER_B)) < 20_000


def test_the_parquet_month_is_exact_as_doubles(bills):
    """Fails when a cost of the month delivered as Parquet doubles is not what the double prints."""
    for line in bills[PAYER_A, PARQUET_MONTH]:
        for name in NUMBERS & line.keys():
            assert line[name] is None or Decimal(repr(float(line[name]))) == line[name], (name, line[name])


def test_some_costs_have_more_decimals_than_a_double_holds(bills):
    """Fails when a reader that goes through floats would not be found out."""
    longest = max(
        -line["line_item_unblended_cost"].as_tuple().exponent for period in MONTHS for line in bills[PAYER_B, period]
    )
    assert 16 <= longest <= 18
