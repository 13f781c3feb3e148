"""What became of a delivery's rows, counted while they stream by: rows and control totals per file, month and currency.

Sums are exact decimals; an amount that does not parse counts as no amount, and its row as quarantined.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact
from functools import reduce

import polars as pl

from ingestion.casting import parse_number, physical_type
from ingestion.contracts import Contract
from ingestion.manifests import LandedFile, Total

EXACT = Context(prec=200, traps=[Inexact])  # Python's default would round a sum to 28 digits


def add(one: Decimal, other: Decimal) -> Decimal:
    """The exact sum."""
    return EXACT.add(one, other)


@dataclass(slots=True)
class Counted:
    loaded: int = 0
    quarantined: int = 0
    amount_landed: Decimal = Decimal(0)
    amount_quarantined: Decimal = Decimal(0)


def _text(amount: Decimal) -> str:
    """Without exponent and without zeros at the end: equal amounts have equal texts."""
    text = f"{amount:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


@dataclass
class Tally:
    """Counts the rows of one delivery."""

    contract: Contract
    counted: dict[tuple[str, str, str | None], Counted] = field(default_factory=lambda: defaultdict(Counted))
    last_row: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # file -> greatest source_row

    def __post_init__(self) -> None:
        properties = self.contract.properties
        self._amount, self._currency = properties.get("controlTotal"), properties.get("currencyColumn")
        columns = {column.name: column for column in self.contract.columns}
        self._amount_names = [self._amount, *columns[self._amount].aliases] if self._amount else []
        self._currency_names = [self._currency, *columns[self._currency].aliases] if self._currency else []

    def add_good(self, period: str, good: pl.DataFrame) -> None:
        if good.is_empty():
            return
        by = ["source_file", *([self._currency] if self._currency else [])]
        sums = [pl.col(self._amount).sum().alias("amount")] if self._amount else []
        grouped = good.group_by(by).agg(pl.len().alias("rows"), pl.col("source_row").max().alias("last"), *sums)
        for row in grouped.iter_rows(named=True):
            entry = self.counted[row["source_file"], period, row[self._currency] if self._currency else None]
            entry.loaded += row["rows"]
            entry.amount_landed = add(entry.amount_landed, row.get("amount") or Decimal(0))
            self.last_row[row["source_file"]] = max(self.last_row[row["source_file"]], row["last"] or 0)

    def add_rejected(self, period: str, rejected: pl.DataFrame) -> None:
        for file, row, payload in rejected.select("source_file", "source_row", "payload").iter_rows():
            currency, amount = self._of_payload(payload) if self._amount else (None, Decimal(0))
            entry = self.counted[file, period, currency]
            entry.quarantined += 1
            entry.amount_quarantined = add(entry.amount_quarantined, amount)
            self.last_row[file] = max(self.last_row[file], row or 0)

    def _of_payload(self, payload: str | None) -> tuple[str | None, Decimal]:
        try:
            texts = json.loads(payload or "{}")
        except ValueError:
            return None, Decimal(0)
        if not isinstance(texts, dict):
            return None, Decimal(0)
        currency = next((texts[name] for name in self._currency_names if texts.get(name)), None)
        amount = next((texts[name] for name in self._amount_names if texts.get(name)), "")
        type_ = physical_type(next(column.type for column in self.contract.columns if column.name == self._amount))
        parsed = parse_number(str(amount), type_.precision, type_.scale)
        return currency and str(currency), Decimal(0) if isinstance(parsed, str) else parsed

    def check(self) -> None:
        """Every physical row is loaded or quarantined, once. Readers number rows 1, 2, 3 … in each file."""
        rows: dict[str, int] = defaultdict(int)
        for (file, _, _), entry in self.counted.items():
            rows[file] += entry.loaded + entry.quarantined
        wrong = {file: count for file, count in rows.items() if count != self.last_row[file]}
        if wrong:
            file, count = next(iter(sorted(wrong.items())))
            raise AssertionError(
                f"{file}: {self.last_row[file]} rows present, {count} loaded or quarantined (contract "
                f"{self.contract.id} {self.contract.version}); the reader lost or doubled rows, nothing has landed"
            )

    def totals(self, period: str | None) -> list[Total]:
        """Per month and currency, ordered; one line of zeros where the delivery has no row."""
        merged: dict[tuple[str, str | None], Counted] = defaultdict(Counted)
        for (_, month, currency), entry in self.counted.items():
            into = merged[month, currency]
            into.loaded += entry.loaded
            into.quarantined += entry.quarantined
            into.amount_landed = add(into.amount_landed, entry.amount_landed)
            into.amount_quarantined = add(into.amount_quarantined, entry.amount_quarantined)
        if not merged:
            merged[period or "", None] = Counted()
        return [self._total(*key, merged[key]) for key in sorted(merged, key=lambda key: (key[0], key[1] or ""))]

    def _total(self, period: str, currency: str | None, entry: Counted) -> Total:
        amounts = (None, None, None)
        if self._amount:
            landed, quarantined = entry.amount_landed, entry.amount_quarantined
            amounts = (_text(add(landed, quarantined)), _text(landed), _text(quarantined))
        rows = entry.loaded + entry.quarantined
        return Total(period, currency, *amounts, rows, entry.loaded, entry.quarantined)

    def complete(self, file: LandedFile) -> LandedFile:
        """The file with its counts, and its control total where it has one currency."""
        mine = {key: entry for key, entry in self.counted.items() if key[0] == file.key}
        file.rows_loaded = sum(entry.loaded for entry in mine.values())
        file.rows_quarantined = sum(entry.quarantined for entry in mine.values())
        file.rows_in = file.rows_loaded + file.rows_quarantined
        if self._amount and len({currency for _, _, currency in mine}) == 1:
            amounts = (amount for e in mine.values() for amount in (e.amount_landed, e.amount_quarantined))
            file.control_total = _text(reduce(add, amounts, Decimal(0)))
        return file
