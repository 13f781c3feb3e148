"""The allocation once more in plain Python and Decimal, from money.md sections 3 and 4 and without SQL: what each
account carries in the views billed, effective and owner. Beside it a seeded generator of bills to compare on."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

Line = dict[str, Any]
Key = tuple[Any, ...]

USAGE = {"Usage", "DiscountedUsage", "SavingsPlanCoveredUsage", "SavingsPlanNegation"}
FEES = {"RIFee", "SavingsPlanRecurringFee"}
PURCHASES = FEES | {"Fee", "SavingsPlanUpfrontFee", "FlatRateSubscription"}
DISCOUNTS = {
    "BundledDiscount", "Discount", "EdpDiscount", "Enterprise Discount Program Discount", "PrivateRateDiscount",
    "RiVolumeDiscount", "SppDiscount",
}  # fmt: skip
COVERED = {"DiscountedUsage", "SavingsPlanCoveredUsage", "SavingsPlanNegation"}
WITH_QUANTITY = PURCHASES | {"Usage", "DiscountedUsage", "SavingsPlanCoveredUsage"}
TYPES = sorted(USAGE | PURCHASES | DISCOUNTS | {"Tax", "Credit", "Refund"})


@dataclass(slots=True)
class Carried:
    """What one row of fct_account_costs holds."""

    quantity: Decimal = Decimal(0)
    amount: Decimal = Decimal(0)
    list_cost: Decimal | None = None
    list_is_whole: bool = True
    lines: int = 0


def category(line: Line) -> str:
    kind = line["line_item_line_item_type"]
    for name, kinds in {"Usage": USAGE, "Purchase": PURCHASES, "Tax": {"Tax"}, "Credit": {"Credit", "Refund"}}.items():
        if kind in kinds:
            return name
    return "Adjustment"


def _basis(line: Line, gross: str, net: str, is_net: bool) -> Decimal | None:
    return line.get(net) if is_net and line.get(net) is not None else line.get(gross)


def effective_cost(line: Line, is_net: bool) -> Decimal:
    """AWS's amortised cost of a line (money.md section 3)."""
    if line.get("split_line_item_parent_resource_id"):
        return Decimal(0)
    kind, printed = line["line_item_line_item_type"], line["line_item_unblended_cost"]
    plain = _basis(line, "line_item_unblended_cost", "line_item_net_unblended_cost", is_net)
    cost: Decimal | None
    if kind == "SavingsPlanCoveredUsage":
        name = "savings_plan_effective_cost"
        cost = _basis(line, f"savings_plan_{name}", f"savings_plan_net_{name}", is_net)
    elif kind == "SavingsPlanRecurringFee":
        total, used = line.get("savings_plan_total_commitment_to_date"), line.get("savings_plan_used_commitment")
        cost = (total or Decimal(0)) - (used or Decimal(0))
    elif kind in {"SavingsPlanNegation", "SavingsPlanUpfrontFee"}:
        cost = Decimal(0)
    elif kind == "DiscountedUsage":
        cost = _basis(line, "reservation_effective_cost", "reservation_net_effective_cost", is_net)
    elif kind == "RIFee":
        parts = [
            _basis(line, f"reservation_{part}", f"reservation_net_{part}", is_net)
            for part in ("unused_amortized_upfront_fee_for_billing_period", "unused_recurring_fee")
        ]
        cost = sum((part for part in parts if part is not None), Decimal(0))
    elif kind == "Fee" and line.get("reservation_reservation_a_r_n"):
        cost = Decimal(0)
    else:
        cost = plain
    return printed if cost is None else cost


def charge_day(line: Line) -> date:
    starts, ends = line["line_item_usage_start_date"], line.get("line_item_usage_end_date")
    if ends is None or ends - starts <= timedelta(days=1):
        return starts.date()
    month = line["billing_period"]
    last = (month.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return min((ends - timedelta(microseconds=1)).date(), last)


def allocate(lines: Iterable[Line], net_payers: set[str]) -> dict[Key, Carried]:
    """Rows of fct_account_costs by key (period, day, payer, account, service, sku, category, component, commitment,
    view, unit, currency); rows that are all zero only in the view billed."""
    carried: dict[Key, Carried] = defaultdict(Carried)
    for line in lines:
        kind, user = line["line_item_line_item_type"], line["line_item_usage_account_id"]
        commitment = line.get("reservation_reservation_a_r_n") or line.get("savings_plan_savings_plan_a_r_n")
        owner = (commitment.split(":")[4] if commitment else "") or user
        is_split = bool(line.get("split_line_item_parent_resource_id"))
        counts = kind in WITH_QUANTITY and not is_split
        used_quantity = (line.get("line_item_usage_amount") or Decimal(0)) if counts else Decimal(0)
        unused_quantity = (line.get("reservation_unused_quantity") or Decimal(0)) if counts else Decimal(0)
        effective = effective_cost(line, line["bill_payer_account_id"] in net_payers)
        for view in ("billed", "effective", "owner"):
            account, component = user, "on_demand"
            if kind in COVERED:
                component = "used" if owner == user else "borrowed"
                if view == "owner" and owner != user:
                    account, component = owner, "lent"
            elif kind in FEES and view != "billed":
                account, component = owner, "unused"
            row = carried[
                line["billing_period"], charge_day(line), line["bill_payer_account_id"], account,
                line["line_item_product_code"], line.get("product_sku") or line.get("line_item_usage_type") or "-",
                category(line), component, commitment or "-", view, line.get("pricing_unit") or "-",
                line["line_item_currency_code"],
            ]  # fmt: skip
            row.lines += 1
            row.amount += line["line_item_unblended_cost"] if view == "billed" else effective
            row.quantity += unused_quantity if component == "unused" else used_quantity
            listed = line.get("pricing_public_on_demand_cost") if counts and component != "unused" else None
            if listed is not None:
                row.list_cost = (row.list_cost or Decimal(0)) + listed
            elif counts and component != "unused" and used_quantity:
                row.list_is_whole = False
    for key, row in list(carried.items()):
        if not row.list_is_whole:
            row.list_cost = None
        if key[9] != "billed" and not row.amount and not row.quantity and not row.list_cost:
            del carried[key]
    return dict(carried)


def random_bill(seed: int, payer: str, month: date, lines: int) -> list[Line]:
    """A payer's month: every line type, commitments of some accounts used by others, holes wherever a bill may have
    them, negative amounts, up to twelve decimals."""
    chance = random.Random(seed)
    accounts = [payer, *(f"{chance.randrange(10**6):012d}" for _ in range(chance.randint(1, 5)))]
    owners = [*accounts, "999999999999"]  # the last one has a commitment but no line of its own
    arns = {
        "reservation_reservation_a_r_n": [f"arn:aws:ec2:eu-west-1:{owner}:reserved-instances/r" for owner in owners],
        "savings_plan_savings_plan_a_r_n": [f"arn:aws:savingsplans::{owner}:savingsplan/s" for owner in owners],
    }

    def number(low: int = -(10**6), high: int = 10**6) -> Decimal:
        return Decimal(chance.randint(low, high)).scaleb(-chance.choice([0, 2, 6, 12]))

    def perhaps(value: Any, share: float = 0.8) -> Any:
        return value if chance.random() < share else None

    def line() -> Line:
        kind = chance.choice(TYPES if chance.random() < 0.4 else sorted(USAGE | FEES))
        starts = datetime(month.year, month.month, 1) + timedelta(hours=chance.randint(-100, 700))
        length = chance.choice([timedelta(hours=1), timedelta(days=1), timedelta(days=31), timedelta(days=365), None])
        row: Line = {
            "bill_payer_account_id": payer,
            "billing_period": month,
            "line_item_usage_account_id": chance.choice(accounts),
            "line_item_line_item_type": kind,
            "line_item_product_code": chance.choice(["AmazonEC2", "AmazonS3"]),
            "product_sku": perhaps("SKU1"),
            "line_item_usage_type": perhaps("BoxUsage", 0.5),
            "line_item_usage_start_date": starts,
            "line_item_usage_end_date": length and starts + length,
            "pricing_unit": perhaps(chance.choice(["Hrs", "GB"])),
            "line_item_currency_code": chance.choice(["USD", "USD", "EUR"]),
            "line_item_usage_amount": perhaps(number(0), 0.9),
            "line_item_unblended_cost": number(),
            "line_item_net_unblended_cost": perhaps(number(), 0.5),
            "pricing_public_on_demand_cost": perhaps(number(0), 0.9),
        }
        if kind in {"DiscountedUsage", "RIFee", "Fee"}:
            row["reservation_reservation_a_r_n"] = perhaps(chance.choice(arns["reservation_reservation_a_r_n"]))
        if kind.startswith("SavingsPlan"):
            row["savings_plan_savings_plan_a_r_n"] = perhaps(chance.choice(arns["savings_plan_savings_plan_a_r_n"]))
        for name in (
            "reservation_effective_cost",
            "reservation_net_effective_cost",
            "reservation_unused_amortized_upfront_fee_for_billing_period",
            "reservation_unused_recurring_fee",
            "reservation_unused_quantity",
            "savings_plan_savings_plan_effective_cost",
            "savings_plan_net_savings_plan_effective_cost",
            "savings_plan_total_commitment_to_date",
            "savings_plan_used_commitment",
        ):
            row[name] = perhaps(number(0), 0.7)
        for name in ("unused_amortized_upfront_fee_for_billing_period", "unused_recurring_fee"):
            if row[f"reservation_{name}"] is not None:  # a bill with net columns has the gross ones too
                row[f"reservation_net_{name}"] = perhaps(number(0), 0.5)
        if kind in {"Usage", "DiscountedUsage"} and chance.random() < 0.1:
            row |= {"split_line_item_parent_resource_id": "i-parent", "split_line_item_split_cost": number(0)}
            row |= {"line_item_unblended_cost": Decimal(0), "line_item_net_unblended_cost": None}
        return row

    delivery = f"{payer}-{month:%Y%m}"
    rows = [line() for _ in range(lines)]
    return [row | {"delivery_id": delivery, "source_file": "f", "source_row": n} for n, row in enumerate(rows, 1)]


def control_totals(lines: Iterable[Line]) -> list[dict[str, Any]]:
    """Rows of lake.delivery_totals as landing would have counted them."""
    amounts: dict[Key, Decimal] = defaultdict(Decimal)
    counts: Counter[Key] = Counter()
    for line in lines:
        key = (
            line["billing_period"],
            line["delivery_id"],
            line["bill_payer_account_id"],
            line["line_item_currency_code"],
        )
        amounts[key] += line["line_item_unblended_cost"]
        counts[key] += 1
    return [
        {"source": "aws_cur", "billing_period": period, "delivery_id": delivery, "account": payer, "currency": currency}
        | {"rows_loaded": counts[key], "amount_landed": amounts[key], "is_current": True}
        for key in amounts
        for period, delivery, payer, currency in [key]
    ]
