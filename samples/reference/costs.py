"""The vendor's bill as rows per account and view (money.md sections 3 and 4): billed, effective, owner."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from samples.reference.numbers import ZERO

Line = Mapping[str, Any]

CATEGORY = {
    "Usage": "Usage",
    "DiscountedUsage": "Usage",
    "SavingsPlanCoveredUsage": "Usage",
    "SavingsPlanNegation": "Usage",
    "Fee": "Purchase",
    "RIFee": "Purchase",
    "SavingsPlanRecurringFee": "Purchase",
    "SavingsPlanUpfrontFee": "Purchase",
    "Tax": "Tax",
    "Credit": "Credit",
    "Refund": "Credit",
    "EdpDiscount": "Adjustment",
    "BundledDiscount": "Adjustment",
}


@dataclass(frozen=True, slots=True)
class Cost:
    """What an account carries for one line in one view."""

    payer: str
    period: str
    view: str
    account: str
    component: str  # on_demand, used, borrowed, lent, unused
    service: str
    sku: str
    category: str
    day: date
    quantity: Decimal
    list_cost: Decimal | None
    amount: Decimal
    currency: str


def effective_cost(line: Line) -> Decimal:
    """The amortised cost of a line."""
    match line["line_item_line_item_type"]:
        case "SavingsPlanCoveredUsage":
            return line["savings_plan_savings_plan_effective_cost"]
        case "SavingsPlanRecurringFee":
            return line["savings_plan_total_commitment_to_date"] - line["savings_plan_used_commitment"]
        case "SavingsPlanNegation" | "SavingsPlanUpfrontFee":
            return ZERO
        case "DiscountedUsage":
            return line["reservation_effective_cost"]
        case "RIFee":
            return (
                line["reservation_unused_amortized_upfront_fee_for_billing_period"]
                + line["reservation_unused_recurring_fee"]
            )
        case "Fee" if line.get("reservation_reservation_a_r_n"):
            return ZERO
        case _:
            return line["line_item_unblended_cost"]


def commitment_owner(line: Line) -> str | None:
    """The account in the ARN of the line's commitment."""
    arn = line.get("reservation_reservation_a_r_n") or line.get("savings_plan_savings_plan_a_r_n")
    return arn.split(":")[4] if arn else None


def charge_day(line: Line) -> date:
    """The day a line belongs to: its start, or its last day where it is longer than a day."""
    return (line["line_item_usage_end_date"] - timedelta(microseconds=1)).date()


def costs(payer: str, period: str, lines: Iterable[Line]) -> list[Cost]:
    """Every line in every view."""
    rows = []
    for line in lines:
        kind = line["line_item_line_item_type"]
        account = line["line_item_usage_account_id"]
        owner = commitment_owner(line)
        effective = effective_cost(line)
        covered = kind in ("DiscountedUsage", "SavingsPlanCoveredUsage")
        fee = kind in ("RIFee", "SavingsPlanRecurringFee")
        drawn = ("used" if owner == account else "borrowed") if covered else "unused" if fee else "on_demand"
        bought = ("used" if owner == account else "lent") if covered else drawn
        for view, holder, component, amount in (
            ("billed", account, drawn, line["line_item_unblended_cost"]),
            ("effective", account, drawn, effective),
            ("owner", owner if covered else account, bought, effective),
        ):
            rows.append(
                Cost(
                    payer=payer,
                    period=period,
                    view=view,
                    account=holder,
                    component=component,
                    service=line["line_item_product_code"],
                    sku=line.get("product_sku") or line.get("line_item_usage_type") or "-",
                    category=CATEGORY[kind],
                    day=charge_day(line),
                    quantity=line.get("line_item_usage_amount") or ZERO,
                    list_cost=line.get("pricing_public_on_demand_cost"),
                    amount=amount,
                    currency=line["line_item_currency_code"],
                )
            )
    return rows


def totals(rows: Iterable[Cost], *columns: str) -> dict[tuple[str, ...], Decimal]:
    """Sums of the amounts by columns."""
    summed: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for row in rows:
        summed[tuple(getattr(row, column) for column in columns)] += row.amount
    return dict(summed)
