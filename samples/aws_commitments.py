"""Reservations and savings plans of the sample bills: owned by one account, borrowed by others, partly unused.

Each hour the owner draws first, then the borrowers in order; what nobody draws is on the fee line (unused).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from random import Random

from samples.aws_lines import Bill, Line
from samples.world import MONTHS, PAYER_A, PAYER_B

D = Decimal
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Reservation:
    name: str
    payer: str
    owner: str
    borrowers: tuple[str, ...]
    count: int  # instances reserved
    instance_type: str
    sku: str
    on_demand: Decimal  # per hour
    recurring: Decimal  # per hour
    upfront: Decimal  # amortised, per hour
    paid_upfront: Decimal  # once, in the first month

    @property
    def arn(self) -> str:
        """The ARN, whose account is the owner."""
        return f"arn:aws:ec2:us-east-1:{self.owner}:reserved-instances/{self.name}"


@dataclass(frozen=True, slots=True)
class SavingsPlan:
    name: str
    payer: str
    owner: str
    users: tuple[str, ...]  # the owner first
    instance_type: str
    sku: str
    on_demand: Decimal  # per instance hour
    rate: Decimal  # per instance hour under the plan
    recurring: Decimal  # commitment per hour paid as it runs
    upfront: Decimal  # commitment per hour paid upfront, amortised
    paid_upfront: Decimal

    @property
    def arn(self) -> str:
        """The ARN, whose account is the owner."""
        return f"arn:aws:savingsplans::{self.owner}:savingsplan/{self.name}"


RESERVATIONS = [
    # Partial upfront, three accounts of two resellers.
    Reservation(
        "6f1c2b34-a001", PAYER_A, "000123450017", ("112233445501", "112233445509"), 4, "m5.large", "EC2M5LARGE00001",
        D("0.096"), D("0.0310"), D("0.0299086758"), D("1048.00"),
    ),
    # No upfront, used at office hours only: much of it unused.
    Reservation(
        "6f1c2b34-a002", PAYER_A, "112233445511", ("112233445510",), 2, "c5.xlarge", "EC2C5XLARGE0001",
        D("0.17"), D("0.107"), D(0), D(0),
    ),
    # Within one reseller whose view is `owner`.
    Reservation(
        "9a7d0e55-b001", PAYER_B, "220011000009", ("220011000008", "220011000010"), 3, "r5.large", "EC2R5LARGE00001",
        D("0.126"), D("0.0480"), D("0.0310502283"), D("816.00"),
    ),
]  # fmt: skip

SAVINGS_PLANS = [
    SavingsPlan(
        "c0ffee00-a001", PAYER_A, "112233445502", ("112233445502", "112233445503", "112233445504"), "c5.2xlarge",
        "EC2C52XLARGE001", D("0.34"), D("0.2467"), D("0.95"), D(0), D(0),
    ),
    SavingsPlan(
        "c0ffee00-b001", PAYER_B, "220011000002", ("220011000002", "220011000004"), "m5.xlarge",
        "EC2M5XLARGE0001", D("0.192"), D("0.1266"), D("0.15"), D("0.1328767123"), D("1164.00"),
    ),
]  # fmt: skip


def commitment_lines(bill: Bill, dialled: Random) -> Iterator[Line]:
    """All lines of the payer's reservations and savings plans in the month."""
    for reservation in RESERVATIONS:
        if reservation.payer == bill.payer:
            yield from reservation_lines(bill, reservation, dialled)
    for plan in SAVINGS_PLANS:
        if plan.payer == bill.payer:
            yield from savings_plan_lines(bill, plan, dialled)


def _instance(instance_type: str, sku: str) -> Line:
    return {
        "line_item_product_code": "AmazonEC2",
        "product_product_name": "Amazon Elastic Compute Cloud",
        "product_servicecode": "AmazonEC2",
        "product_product_family": "Compute Instance",
        "product_instance_type": instance_type,
        "product_sku": sku,
        "line_item_usage_type": f"BoxUsage:{instance_type}",
        "line_item_operation": "RunInstances",
        "pricing_unit": "Hrs",
    }


def _busy(hour: int, dialled: Random, most: int) -> int:
    """Instances running at an hour of the day: most at office hours, few at night."""
    return dialled.randint(most // 2, most) if 7 <= hour < 19 else dialled.randint(0, most // 2)


def reservation_lines(bill: Bill, reservation: Reservation, dialled: Random) -> Iterator[Line]:
    """DiscountedUsage by hour, on-demand usage of what does not fit, the RIFee of the month, the upfront fee once."""
    instance = _instance(reservation.instance_type, reservation.sku)
    effective_rate = reservation.recurring + reservation.upfront
    used = D(0)
    for hour in bill.hours():
        left = reservation.count
        for account in (reservation.owner, *reservation.borrowers):
            running = _busy(hour.hour, dialled, 2 if account != reservation.owner else reservation.count)
            covered = min(running, left)
            left -= covered
            if covered:
                used += covered
                yield bill.line(
                    account,
                    "DiscountedUsage",
                    hour,
                    HOUR,
                    **instance,
                    line_item_usage_amount=D(covered),
                    line_item_unblended_rate="0",
                    line_item_unblended_cost=D(0),
                    line_item_blended_cost=covered * reservation.recurring,
                    pricing_public_on_demand_cost=covered * reservation.on_demand,
                    pricing_public_on_demand_rate=format(reservation.on_demand, "f"),
                    pricing_term="Reserved",
                    reservation_reservation_a_r_n=reservation.arn,
                    reservation_effective_cost=covered * effective_rate,
                    reservation_amortized_upfront_cost_for_usage=covered * reservation.upfront,
                    reservation_recurring_fee_for_usage=covered * reservation.recurring,
                )
            if running > covered and hour.hour % 6 == 0:
                yield _on_demand(bill, account, instance, running - covered, reservation.on_demand, hour)
    reserved = D(reservation.count * len(bill.hours()))
    yield bill.line(
        reservation.owner,
        "RIFee",
        bill.start,
        bill.end - bill.start,
        **instance,
        line_item_usage_amount=reserved,
        line_item_unblended_rate=format(reservation.recurring, "f"),
        line_item_unblended_cost=reserved * reservation.recurring,
        line_item_blended_cost=D(0),
        pricing_term="Reserved",
        line_item_line_item_description=f"{reservation.count} {reservation.instance_type} reserved instances",
        reservation_reservation_a_r_n=reservation.arn,
        reservation_unused_quantity=reserved - used,
        reservation_unused_recurring_fee=(reserved - used) * reservation.recurring,
        reservation_unused_amortized_upfront_fee_for_billing_period=(reserved - used) * reservation.upfront,
        reservation_upfront_value=reservation.paid_upfront,
    )
    if reservation.paid_upfront and bill.period == MONTHS[0]:
        yield bill.line(
            reservation.owner,
            "Fee",
            bill.start + 4 * HOUR,
            HOUR,
            **instance,
            line_item_usage_amount=D(reservation.count),
            line_item_unblended_cost=reservation.paid_upfront,
            line_item_blended_cost=reservation.paid_upfront,
            line_item_line_item_description="Sign up charge for reserved instances",
            reservation_reservation_a_r_n=reservation.arn,
            reservation_upfront_value=reservation.paid_upfront,
        )


def _on_demand(bill: Bill, account: str, instance: Line, running: int, rate: Decimal, hour) -> Line:
    cost = running * rate
    return bill.line(
        account,
        "Usage",
        hour,
        HOUR,
        **instance,
        line_item_usage_amount=D(running),
        line_item_unblended_rate=format(rate, "f"),
        line_item_unblended_cost=cost,
        line_item_blended_cost=cost,
        pricing_public_on_demand_cost=cost,
        pricing_public_on_demand_rate=format(rate, "f"),
        pricing_term="OnDemand",
    )


def savings_plan_lines(bill: Bill, plan: SavingsPlan, dialled: Random) -> Iterator[Line]:
    """Covered usage with its negation, on-demand usage of what the commitment does not hold, the fee of each hour."""
    instance = _instance(plan.instance_type, plan.sku)
    commitment = plan.recurring + plan.upfront
    for hour in bill.hours():
        used = D(0)
        for account in plan.users:
            running = _busy(hour.hour, dialled, 2)
            covered = min(running, int((commitment - used) / plan.rate))
            if covered:
                used += covered * plan.rate
                on_demand = covered * plan.on_demand
                yield bill.line(
                    account,
                    "SavingsPlanCoveredUsage",
                    hour,
                    HOUR,
                    **instance,
                    line_item_usage_amount=D(covered),
                    line_item_unblended_rate=format(plan.on_demand, "f"),
                    line_item_unblended_cost=on_demand,
                    line_item_blended_cost=on_demand,
                    pricing_public_on_demand_cost=on_demand,
                    pricing_public_on_demand_rate=format(plan.on_demand, "f"),
                    pricing_term="OnDemand",
                    savings_plan_savings_plan_a_r_n=plan.arn,
                    savings_plan_savings_plan_rate=plan.rate,
                    savings_plan_savings_plan_effective_cost=covered * plan.rate,
                )
                yield bill.line(
                    account,
                    "SavingsPlanNegation",
                    hour,
                    HOUR,
                    **instance,
                    line_item_usage_amount=D(covered),
                    line_item_unblended_cost=-on_demand,
                    line_item_blended_cost=-on_demand,
                    savings_plan_savings_plan_a_r_n=plan.arn,
                )
            if running > covered and hour.hour % 4 == 0:
                yield _on_demand(bill, account, instance, running - covered, plan.on_demand, hour)
        yield bill.line(
            plan.owner,
            "SavingsPlanRecurringFee",
            hour,
            HOUR,
            line_item_product_code="ComputeSavingsPlans",
            product_product_name="Savings Plans for AWS Compute usage",
            line_item_usage_type="ComputeSP:1yrPartialUpfront" if plan.upfront else "ComputeSP:1yrNoUpfront",
            line_item_usage_amount=D(1),
            line_item_unblended_cost=plan.recurring,
            line_item_blended_cost=plan.recurring,
            savings_plan_savings_plan_a_r_n=plan.arn,
            savings_plan_total_commitment_to_date=commitment,
            savings_plan_used_commitment=used,
            savings_plan_recurring_commitment_for_billing_period=plan.recurring,
            savings_plan_amortized_upfront_commitment_for_billing_period=plan.upfront,
        )
    if plan.paid_upfront and bill.period == MONTHS[0]:
        yield bill.line(
            plan.owner,
            "SavingsPlanUpfrontFee",
            bill.start + 2 * HOUR,
            HOUR,
            line_item_product_code="ComputeSavingsPlans",
            product_product_name="Savings Plans for AWS Compute usage",
            line_item_usage_type="ComputeSP:1yrPartialUpfront",
            line_item_usage_amount=D(1),
            line_item_unblended_cost=plan.paid_upfront,
            line_item_blended_cost=plan.paid_upfront,
            savings_plan_savings_plan_a_r_n=plan.arn,
        )
