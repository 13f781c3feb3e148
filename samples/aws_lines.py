"""One line of a bill with the columns every line has."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Any

from samples.world import ACCOUNTS, Account, bounds

Line = dict[str, Any]


@cache
def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


class Bill:
    """The ground of a payer's month: its accounts, its days, its bounds."""

    def __init__(self, payer: str, period: str) -> None:
        self.payer = payer
        self.period = period
        self.start, self.end = bounds(period)
        self._days = [self.start + timedelta(days=day) for day in range((self.end - self.start).days)]
        self._hours = [self.start + timedelta(hours=hour) for hour in range(24 * len(self._days))]
        self._accounts = [account for account in ACCOUNTS if account.payer == payer]

    def accounts(self) -> list[Account]:
        """The payer's accounts, its own first."""
        return self._accounts

    def days(self) -> list[datetime]:
        """First instant of each day of the month, UTC."""
        return self._days

    def hours(self) -> list[datetime]:
        """Every full hour of the month, UTC."""
        return self._hours

    def line(self, account: str, kind: str, start: datetime, span: timedelta, **columns: Any) -> Line:
        """A line of type `kind` for `[start, start + span)`; `columns` are CUR 2.0 names."""
        end = start + span
        return {
            "identity_time_interval": f"{_instant(start)}/{_instant(end)}",
            "bill_billing_entity": "AWS",
            "bill_bill_type": "Anniversary",
            "bill_payer_account_id": self.payer,
            "bill_billing_period_start_date": self.start,
            "bill_billing_period_end_date": self.end,
            "line_item_usage_account_id": account,
            "line_item_line_item_type": kind,
            "line_item_usage_start_date": start,
            "line_item_usage_end_date": end,
            "line_item_currency_code": "USD",
            "line_item_legal_entity": "Amazon Web Services, Inc.",
            "product_region_code": "us-east-1",
            "pricing_currency": "USD",
            **columns,
        }
