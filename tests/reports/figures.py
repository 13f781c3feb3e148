"""Numbers as pages show them."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from iso4217 import Currency


def number(text: str) -> Decimal:
    """What stands in a cell; a share is shown in per cent."""
    return Decimal(text.replace(",", "").replace("−", "-").removesuffix("%"))


def shown(amount: Decimal, digits: int) -> Decimal:
    """The amount as a page may show it: with its currency's digits."""
    return amount.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def money(amount: Decimal | None, currency: str) -> Decimal | None:
    """The amount with the digits of its currency; what is not known stays so."""
    return None if amount is None else shown(amount, Currency(currency).exponent)


def cell(text: str) -> Decimal | None:
    """A number of a table, None where it shows a dash for what is not known."""
    return None if text.strip() == "-" else number(text)
