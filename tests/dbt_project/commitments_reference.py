"""Commitments, adjustments and prepaid once more, in plain Decimals and loops. Written from money.md section 6, not
from the SQL: months are walked forward and each has its steps; days are counted one by one; pots keep a balance.

A charge is {period, agreement_id, subscription_id, charge_id, tax_category, currency, amount}; what is settled is one
too, with a term_id and a kind.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from tests.dbt_project.rating_reference import DAY, TWELVE, ZERO, add_months, day_in, exact, month_of, valid

Row = Mapping[str, Any]
MONTHS_OF = {"month": 1, "quarter": 3, "year": 12}
AFTER_COMMITMENTS = 1_000_000


@dataclass
class Pair:
    """A seller and a buyer: their agreements, the buyer's subscriptions (versions), plans' charges, and the terms."""

    agreements: list[Row]
    subscriptions: list[Row]
    charge_plans: Mapping[str, str]  # charge -> plan
    commitments: list[Row] = field(default_factory=list)
    adjustments: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class Scope:
    level: int  # 1 charge, 2 subscription, 3 agreement
    agreement: str | None
    subscription: str | None
    charge: str | None

    def covers(self, charge: Row) -> bool:
        return (
            self.agreement in (None, charge["agreement_id"])
            and self.subscription in (None, charge["subscription_id"])
            and self.charge in (None, charge["charge_id"])
        )


def scopes_of(pair: Pair, row: Row) -> list[Scope]:
    """The narrowest scope that is filled; a charge named alone is meant on each subscription that has it."""
    charge, subscription, agreement = row["charge_id"], row["subscription_id"], row["agreement_id"]
    if charge is None:
        return [Scope(2, None, subscription, None) if subscription else Scope(3, agreement, None, None)]
    with_charge = {v["subscription_id"] for v in pair.subscriptions if v["plan_id"] == pair.charge_plans[charge]}
    if subscription:
        return [Scope(1, None, subscription, charge)] if subscription in with_charge else []
    if agreement:
        return [Scope(1, agreement, None, charge)] if with_charge else []
    return [Scope(1, None, each, charge) for each in sorted(with_charge)]


def runs(pair: Pair, scope: Scope, day: date) -> bool:
    if scope.subscription is None:
        return any(valid(edge, day) for edge in pair.agreements if edge["agreement_id"] == scope.agreement)
    return any(
        version["subscription_id"] == scope.subscription
        and valid(version, day)
        and version["start_date"] <= day <= version["end_date"]
        and (scope.charge is None or version["plan_id"] == pair.charge_plans[scope.charge])
        for version in pair.subscriptions
    )


def days_of(first: date, last: date) -> Iterable[date]:
    while first <= last:
        yield first
        first += DAY


def month_end(month: date) -> date:
    return add_months(month, 1) - DAY


def interval_of(row: Row, day: date) -> tuple[date, date]:
    """First and last day of the whole interval that holds the day: calendar months, else from the start date on."""
    length = MONTHS_OF[row["interval"] or "month"]
    if length == 1:
        return month_of(day), month_end(month_of(day))
    count = 0
    while True:
        opens, closes = (
            day_in(add_months(month_of(row["start_date"]), months), row["start_date"].day)
            for months in (count, count + length)
        )
        if day < closes:
            return opens, closes - DAY
        count += length


def prorated(pair: Pair, scope: Scope, row: Row, opens: date, closes: date) -> tuple[Decimal, int]:
    """The minimum by the days on which it and the subscription run, and those days."""
    first, last = max(opens, row["start_date"]), min(closes, row["end_date"])
    ran = sum(runs(pair, scope, day) for day in days_of(first, last))
    whole = (closes - opens).days + 1
    if ran == whole:
        return row["amount"], ran
    with localcontext() as context:
        context.prec = 60
        return exact(row["amount"] * ran / whole), ran


class Settling:
    """Walks the months of one pair; `settled` are the lines it made."""

    def __init__(self, pair: Pair, charges: list[Row], months: list[date]) -> None:
        self.pair, self.months = pair, months
        self.lines: list[dict[str, Any]] = [{**charge, "step": 0} for charge in charges]
        self.settled: list[dict[str, Any]] = []
        self.balances: dict[tuple[Any, ...], Decimal] = {}
        self.step = 0  # a line of an earlier month counts only where its step comes before, too

    def walk(self) -> list[dict[str, Any]]:
        for month in self.months:
            for number, step in enumerate(self.commitment_steps(), start=1):
                self.step = number
                self.commit(month, *step)
            self.step = AFTER_COMMITMENTS
            for position in sorted(self.pair.adjustments, key=self.adjustment_order):
                for scope in scopes_of(self.pair, position):
                    self.adjust(month, position, scope)
            for pot in sorted(self.pots(), key=lambda row: (row["end_date"], row["commitment_id"])):
                for scope in scopes_of(self.pair, pot):
                    self.draw(month, pot, scope)
        return self.settled

    def commitment_steps(self) -> list[tuple[Row, Scope]]:
        steps = [
            (row, scope)
            for row in self.pair.commitments
            if row["kind"] != "prepaid"
            for scope in scopes_of(self.pair, row)
        ]
        order = {"maximum": 0, "minimum": 1, "overage": 2}
        return sorted(
            steps,
            key=lambda step: (
                step[1].level, MONTHS_OF[step[0]["interval"] or "month"], order[step[0]["kind"]],
                step[0]["start_date"], step[0]["commitment_id"],
            ),
        )  # fmt: skip

    def adjustment_order(self, row: Row) -> tuple[Any, ...]:
        scopes = scopes_of(self.pair, row)
        return (row["position"] or 0, scopes[0].level if scopes else 0, row["adjustment_id"])

    def pots(self) -> list[Row]:
        return [row for row in self.pair.commitments if row["kind"] == "prepaid"]

    # -- One step of one month ----------------------------------------------------------------------------------------

    def commit(self, month: date, row: Row, scope: Scope) -> None:
        first, last = max(month, row["start_date"]), min(month_end(month), row["end_date"])
        if first > last:
            return
        held = interval_of(row, first)
        terms = [(held, True)]
        if interval_of(row, last) != held:
            terms.append((interval_of(row, last), False))  # begins in this month: counts from the next one on
        for (opens, closes), counts in terms:
            in_term = [
                period
                for period in self.months
                if period <= month and self.term_of(row, period) == (opens, closes) and (counts or period < month)
            ]
            edge = self.edge(scope, month, row)
            if edge is None:
                continue
            total = self.total(scope, in_term, edge["currency"])
            before = self.total(scope, [period for period in in_term if period < month], edge["currency"])
            amount = self.commitment_line(month, row, scope, (opens, closes), total, before)
            self.add(month, row, scope, amount, row["tax_category"] or "standard")

    def term_of(self, row: Row, period: date) -> tuple[date, date] | None:
        first = max(period, row["start_date"])
        return interval_of(row, first) if first <= min(month_end(period), row["end_date"]) else None

    def commitment_line(
        self, month: date, row: Row, scope: Scope, term: tuple[date, date], total: Decimal, before: Decimal
    ) -> Decimal:
        if row["kind"] == "maximum":
            return min(row["amount"] - total, ZERO) - min(row["amount"] - before, ZERO)
        if month_of(min(term[1], row["end_date"])) != month:
            return ZERO
        agreed, ran = prorated(self.pair, scope, row, *term)
        if not ran:
            return ZERO
        if row["kind"] == "minimum":
            return max(agreed - total, ZERO)
        over = max(total - agreed, ZERO)
        return max(agreed, total) - total + exact(over * ((row["factor"] or 1) - 1))

    def adjust(self, month: date, row: Row, scope: Scope) -> None:
        if row["period"] not in (None, f"{month:%Y-%m}"):
            return
        by_category = self.payable(scope, month, row)
        pot = row["kind"] == "credit" and row["share"] is None and row["period"] is None
        edge = self.edge(scope, month, row)
        key = ("adjustment", row["adjustment_id"], scope, edge and edge["currency"])
        left = self.balances.get(key, row["amount"]) if pot else row["amount"]
        for category, payable in sorted(by_category.items()):
            if row["share"] is not None:
                taken = times_exact(payable, row["share"])
            else:
                taken = min(left, payable)
                left -= taken
            self.add(month, row, scope, -taken, category)
        if pot:
            self.balances[key] = left

    def draw(self, month: date, row: Row, scope: Scope) -> None:
        if max(month, row["start_date"]) > min(month_end(month), row["end_date"]):
            return
        edge = self.edge(scope, month, row)
        key = ("prepaid", row["commitment_id"], scope, edge and edge["currency"])
        left = self.balances.get(key, row["amount"])
        taken = min(left, sum(self.payable(scope, month, row).values(), ZERO))
        self.balances[key] = left - taken
        self.add(month, row, scope, -taken, row["tax_category"] or "standard")

    # -- Sums ---------------------------------------------------------------------------------------------------------

    def edge(self, scope: Scope, month: date, row: Row) -> Row | None:
        """The agreement a line of the scope stands on: its own, or the last one by the month's last day."""
        if scope.agreement:
            return next(edge for edge in self.pair.agreements if edge["agreement_id"] == scope.agreement)
        day = min(month_end(month), row.get("end_date") or month_end(month))
        begun = [edge for edge in self.pair.agreements if edge["valid_from"] <= day]
        return max(begun, key=lambda edge: edge["valid_from"], default=None)

    def total(self, scope: Scope, periods: list[date], currency: str) -> Decimal:
        return sum(
            (
                line["amount"]
                for line in self.lines
                if line["period"] in periods
                and line["currency"] == currency
                and line["step"] < self.step
                and scope.covers(line)
            ),
            ZERO,
        )

    def payable(self, scope: Scope, month: date, row: Row) -> dict[str, Decimal]:
        """What can be taken off in a month, by tax category: no more than the scope, or its edge, comes to."""
        found: dict[str, Decimal] = defaultdict(Decimal)
        edge = self.edge(scope, month, row)
        if edge is None:
            return {}
        on_edge = ZERO
        for line in self.lines:
            if line["period"] == month and line["currency"] == edge["currency"]:
                if scope.covers(line):
                    found[line["tax_category"]] += line["amount"]
                if line["agreement_id"] == edge["agreement_id"]:
                    on_edge += line["amount"]
        left = max(min(sum(found.values(), ZERO), on_edge), ZERO)
        payable = {}
        for category in sorted(found):
            payable[category] = min(max(found[category], ZERO), left)
            left -= payable[category]
        return payable

    def add(self, month: date, row: Row, scope: Scope, amount: Decimal, category: str) -> None:
        edge = self.edge(scope, month, row)
        if not amount or edge is None:
            return
        line = {
            "period": month, "agreement_id": edge["agreement_id"], "subscription_id": scope.subscription,
            "charge_id": scope.charge, "tax_category": category, "currency": edge["currency"], "amount": amount,
        }  # fmt: skip
        self.lines.append({**line, "step": self.step})
        term_id = row.get("commitment_id") or row["adjustment_id"]
        self.settled.append({**line, "term_id": term_id, "kind": row["kind"]})


def times_exact(left: Decimal, right: Decimal) -> Decimal:
    with localcontext() as context:
        context.prec = 60
        return (left * right).quantize(TWELVE, rounding=ROUND_HALF_UP)
