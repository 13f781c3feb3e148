"""Rated amounts to draft invoices (money.md section 9, nothing issued yet): rounding, rounding line, tax."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from samples.reference.catalog import Catalog, Row, valid
from samples.reference.numbers import ZERO, first_day, number, rounded
from samples.reference.rated import Rated


@dataclass(slots=True)
class Line:
    service_period: str
    key: str
    exact_amount: Decimal
    amount: Decimal
    tax_category: str


@dataclass(slots=True)
class Invoice:
    agreement: str
    period: str  # invoice period
    currency: str
    lines: list[Line] = field(default_factory=list)
    taxes: list[dict] = field(default_factory=list)

    @property
    def net(self) -> Decimal:
        """Sum of the lines."""
        return sum((line.amount for line in self.lines), ZERO)

    @property
    def tax(self) -> Decimal:
        """Sum of the taxes."""
        return sum((row["tax"] for row in self.taxes), ZERO)


def draft(catalog: Catalog, rated: Iterable[Rated], periods: Iterable[str]) -> list[Invoice]:
    """One draft per edge and month with any line that is not zero. The vendor's edge has no documents."""
    by_edge: dict[str, list[Rated]] = defaultdict(list)
    for row in rated:
        if catalog.parties[catalog.agreements[row.agreement]["seller_id"]]["role"] != "vendor":
            by_edge[row.agreement].append(row)
    invoices = []
    for agreement, rows in sorted(by_edge.items()):
        terms = catalog.agreements[agreement]
        billed: dict[str, list[Line]] = defaultdict(list)  # service period -> lines of earlier drafts, zero ones too
        for period in sorted(periods):
            invoice = Invoice(agreement, period, terms["currency"])
            keys: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
            for row in rows:
                if (row.due or row.period) == period:
                    keys[row.period, row.key, row.tax_category] += row.amount
            for (service_period, key, category), amount in sorted(keys.items()):
                line = Line(service_period, key, amount, rounded(amount, terms["currency"]), category)
                billed[service_period].append(line)
                invoice.lines.append(line)
            for service_period in sorted({line.service_period for line in invoice.lines}):
                if (terms.get("rounding") or "total") == "total":
                    for category, drift in drifts(billed[service_period], terms["currency"]).items():
                        line = Line(service_period, f"{agreement}/rounding/{category}", ZERO, drift, category)
                        billed[service_period].append(line)
                        invoice.lines.append(line)
            invoice.lines = [line for line in invoice.lines if line.amount != 0]
            if invoice.lines:
                invoice.taxes = taxes(catalog, invoice)
                invoices.append(invoice)
    return invoices


def drifts(lines: list[Line], currency: str) -> dict[str, Decimal]:
    """By tax category: what the rounded lines lack to the rounded sum of the exact ones."""
    found: dict[str, Decimal] = {}
    for category in sorted({line.tax_category for line in lines}):
        chosen = [line for line in lines if line.tax_category == category]
        whole = rounded(sum((line.exact_amount for line in chosen), ZERO), currency)
        found[category] = whole - sum((line.amount for line in chosen), ZERO)
    return found


def tax_rate(catalog: Catalog, agreement: str, category: str, day: date) -> Row:
    """The tax row that names most of seller country, buyer country, buyer status and category."""
    terms = catalog.agreements[agreement]
    seller, buyer = catalog.parties[terms["seller_id"]], catalog.parties[terms["buyer_id"]]
    actual = (seller["country"], buyer["country"], buyer["tax_status"], category)
    best: tuple[int, Row] | None = None
    for row in catalog.tables["tax_rates"]:
        wanted = tuple(
            row.get(name) for name in ("seller_country", "buyer_country", "buyer_tax_status", "tax_category")
        )
        if valid(row, day) and all(not want or want == have for want, have in zip(wanted, actual, strict=True)):
            strength = sum(bool(want) for want in wanted)
            if best is None or strength > best[0]:
                best = (strength, row)
    if best is None:
        raise KeyError(f"no tax rate for {agreement}, {category}, {day}")
    return best[1]


def taxes(catalog: Catalog, invoice: Invoice) -> list[dict]:
    """Per tax category and rate: base, rate, tax = round(base × rate)."""
    bases: dict[tuple[str, str, Decimal], Decimal] = defaultdict(Decimal)
    for line in invoice.lines:
        row = tax_rate(catalog, invoice.agreement, line.tax_category, first_day(line.service_period))
        bases[line.tax_category, row["kind"], number(row.get("rate"))] += line.amount
    return [
        {
            "tax_category": category,
            "kind": kind,
            "rate": rate,
            "base": base,
            "tax": rounded(base * rate, invoice.currency),
        }
        for (category, kind, rate), base in sorted(bases.items())
    ]
