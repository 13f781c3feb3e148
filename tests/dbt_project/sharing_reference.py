"""Sharing once more in plain Python and Decimal, from money.md section 4 and without SQL: what each account carries in
each of the five views, and who owes whom. Starts from the bill's lines, like allocation_reference.py."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext

from allocation_reference import COVERED, FEES, Key, Line, charge_day, effective_cost

UNIT = Decimal("1e-12")
Party = Callable[[str, date], str]  # customer of an account on a day


@dataclass(slots=True)
class Shared:
    """Amounts by (period, payer, account, currency); transfers by (period, payer, from, to, mechanism, currency)."""

    billed: dict[Key, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    effective: dict[Key, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    owner: dict[Key, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    real: dict[Key, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    standalone: dict[Key, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    transfers: dict[Key, tuple[Decimal, Decimal]] = field(default_factory=dict)


def split(total: Decimal, weights: Mapping[str, Decimal], scale: int = 12) -> dict[str, Decimal] | None:
    """`total` by largest remainder at `scale` decimals; ties to the smaller key; what the total has beyond goes to the
    first. None where the weights sum to zero."""
    with localcontext() as context:
        context.prec = 90
        weighed = {key: weight.quantize(UNIT, ROUND_HALF_UP) for key, weight in weights.items()}
        whole = sum(weighed.values(), Decimal(0))
        if not whole:
            return None
        units = int(abs(total).quantize(UNIT, ROUND_HALF_UP).scaleb(scale))
        shares = {key: (units * int((w * (1 if whole > 0 else -1)).scaleb(12))) for key, w in weighed.items()}
        divisor = int(abs(whole).scaleb(12))
        floors = {key: share // divisor for key, share in shares.items()}
        order = sorted(shares, key=lambda key: (-(shares[key] % divisor), key))
        for key in order[: units - sum(floors.values())]:
            floors[key] += 1
        sign = -1 if total < 0 else 1
        parts = {key: sign * Decimal(floor).scaleb(-scale) for key, floor in floors.items()}
        parts[order[0]] += total - sum(parts.values())
        return parts


def _on_demand(line: Line, effective: Decimal) -> Decimal:
    kind = line["line_item_line_item_type"]
    if kind == "SavingsPlanCoveredUsage":
        return line["line_item_unblended_cost"]
    if kind == "SavingsPlanNegation":
        return Decimal(0)
    listed = None if line.get("split_line_item_parent_resource_id") else line.get("pricing_public_on_demand_cost")
    return effective if listed is None else listed


def share(lines: Iterable[Line], net_payers: set[str], benefits: Mapping[str, str], party: Party) -> Shared:
    """All payers' months; `benefits` is payers.sharing_benefit by payer (owner where it names none). `spread` and then
    `settle` finish it, after what else is settled (tiers_reference.py)."""
    shared = Shared()
    owed: dict[Key, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for line in lines:
        month, payer, currency = line["billing_period"], line["bill_payer_account_id"], line["line_item_currency_code"]
        kind, user = line["line_item_line_item_type"], line["line_item_usage_account_id"]
        arn = line.get("reservation_reservation_a_r_n") or line.get("savings_plan_savings_plan_a_r_n")
        owner = (arn.split(":")[4] if arn else "") or user
        cost = effective_cost(line, payer in net_payers)
        account = owner if kind in FEES else user
        shared.billed[month, payer, user, currency] += line["line_item_unblended_cost"]
        shared.owner[month, payer, owner if kind in COVERED | FEES else user, currency] += cost
        shared.effective[month, payer, account, currency] += cost
        shared.standalone[month, payer, account, currency] += cost
        if kind not in COVERED or owner == user:
            continue
        dear = _on_demand(line, cost)
        day = charge_day(line)
        if party(user, day) != party(owner, day):
            shared.standalone[month, payer, user, currency] += dear - cost
            shared.standalone[month, payer, owner, currency] += cost
        benefit = benefits.get(payer, "owner")
        receiver = payer if benefit == "payer" else owner
        if benefit != "pro_rata" and receiver != user:
            mechanism = "ri" if kind == "DiscountedUsage" else "savings_plan"
            sums = owed[month, payer, user, receiver, mechanism, currency]
            sums[0] += dear - cost
            sums[1] += cost
    shared.transfers = {key: (amount, lent) for key, (amount, lent) in owed.items()}
    return shared


def spread(shared: Shared, benefits: Mapping[str, str]) -> None:
    """The payer's total × standalone / Σ standalone, settled with the payer's own account."""
    for month, payer, currency in sorted({(key[0], key[1], key[3]) for key in shared.effective}):
        if benefits.get(payer, "owner") != "pro_rata":
            continue
        keys = [key for key in shared.standalone if (key[0], key[1], key[3]) == (month, payer, currency)]
        total = sum((shared.effective[key] for key in keys), Decimal(0))
        for account, part in (split(total, {key[2]: shared.standalone[key] for key in keys}) or {}).items():
            more = part - shared.effective[month, payer, account, currency]
            if more and account != payer:
                sides = (account, payer) if more > 0 else (payer, account)
                shared.transfers[month, payer, *sides, "pro_rata", currency] = (abs(more), Decimal(0))


def settle(shared: Shared) -> None:
    """real = effective + paid - received."""
    for key, amount in shared.effective.items():
        shared.real[key] += amount
    for (month, payer, sender, receiver, _, currency), (amount, _) in shared.transfers.items():
        shared.real[month, payer, sender, currency] += amount
        shared.real[month, payer, receiver, currency] -= amount


def lent_and_borrowed(lines: Iterable[Line], party: Party) -> dict[Key, tuple[bool, bool]]:
    """By (period, payer, day, borrower, owner), where they are of two customers: whether the borrowing customer lent,
    and the lending one borrowed, in an hour of that day."""
    hours: dict[Key, set[datetime | None]] = defaultdict(set)
    shared: dict[Key, tuple[Key, Key]] = {}
    for line in lines:
        user, day = line["line_item_usage_account_id"], charge_day(line)
        arn = line.get("reservation_reservation_a_r_n") or line.get("savings_plan_savings_plan_a_r_n")
        owner = (arn.split(":")[4] if arn else "") or user
        borrower, lender = party(user, day), party(owner, day)
        if line["line_item_line_item_type"] not in COVERED or borrower == lender:
            continue
        starts, ends = line["line_item_usage_start_date"], line.get("line_item_usage_end_date")
        hour = starts.replace(minute=0) if ends and ends - starts <= timedelta(hours=1) else None
        where = (line["billing_period"], line["bill_payer_account_id"], day)
        hours["borrowed", *where, borrower].add(hour)
        hours["lent", *where, lender].add(hour)
        shared[(*where, user, owner)] = ((*where, borrower), (*where, lender))

    def both(customer: Key) -> bool:
        lent, borrowed = hours["lent", *customer], hours["borrowed", *customer]
        return bool(lent and borrowed and (lent & borrowed or None in lent | borrowed))

    return {key: (both(borrower), both(lender)) for key, (borrower, lender) in shared.items()}
