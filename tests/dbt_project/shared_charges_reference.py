"""Shared charges once more in plain Python and Decimal, from money.md section 4 and without SQL: rules in order, each
on what the ones before left or brought, parts by largest remainder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from allocation_reference import FEES, Key, Line, category, effective_cost
from sharing_reference import Shared, split


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of allocation_rules that holds all month; an empty match is any, `targets` are account and weight."""

    rule_id: str
    payer: str
    position: int
    method: str
    driver: str = ""
    service: str = ""
    category: str = ""
    account: str = ""
    targets: tuple[tuple[str, str], ...] = ()
    scale: int | None = None

    def row(self) -> dict[str, object]:
        """As the catalog delivers it."""
        named = {
            "rule_id": self.rule_id, "payer_id": self.payer, "position": self.position, "method": self.method,
            "driver": self.driver, "match_service": self.service, "match_charge_category": self.category,
            "match_account": self.account, "scale": self.scale,
            "targets": ";".join("=".join(target) for target in self.targets),
        }  # fmt: skip
        return {key: None if value == "" else value for key, value in named.items()}

    def takes(self, account: str, service: str, kind: str) -> bool:
        return (
            self.account in ("", account.partition("#")[0])
            and self.service in ("", service)
            and self.category in ("", kind)
        )


def share_charges(
    shared: Shared, lines: Iterable[Line], net_payers: set[str], rules: Sequence[Rule]
) -> dict[Key, Decimal]:
    """What moves, by (period, payer, rule, origin, account, service, sku, category, currency)."""
    balances: dict[Key, dict[Key, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    billed: dict[Key, Decimal] = defaultdict(Decimal)
    for line in lines:
        payer, user = line["bill_payer_account_id"], line["line_item_usage_account_id"]
        arn = line.get("reservation_reservation_a_r_n") or line.get("savings_plan_savings_plan_a_r_n")
        owner = (arn.split(":")[4] if arn else "") or user
        account = owner if line["line_item_line_item_type"] in FEES else user
        sku = line.get("product_sku") or line.get("line_item_usage_type") or "-"
        currency = line["line_item_currency_code"]
        key = (account, line["line_item_product_code"], sku, category(line), currency)
        balances[line["billing_period"], payer][key] += effective_cost(line, payer in net_payers)
        billed[line["billing_period"], payer, user, currency] += line["line_item_unblended_cost"]
    views = {"": shared.effective, "billed": billed, "real": shared.real, "standalone": shared.standalone}
    moved: dict[Key, Decimal] = {}
    for (month, payer), balance in balances.items():
        for rule in sorted((rule for rule in rules if rule.payer == payer), key=lambda r: (r.position, r.rule_id)):
            sources = {key: amount for key, amount in balance.items() if amount and rule.takes(key[0], key[1], key[3])}
            for (origin, *rest), amount in sources.items():
                weights = _weights(rule, month, rest[-1], shared, views[rule.driver])
                weights.pop(origin, None)
                parts = split(amount, weights, 12 if rule.scale is None else rule.scale) or {}
                for account, part in [*parts.items(), (origin, -sum(parts.values(), Decimal(0)))]:
                    if part:
                        moved[month, payer, rule.rule_id, origin, account, *rest] = part
                        balance[account, *rest] += part
    return moved


def _weights(
    rule: Rule, month: object, currency: str, shared: Shared, view: Mapping[Key, Decimal]
) -> dict[str, Decimal]:
    named = dict(rule.targets)
    accounts = named or [
        account
        for (period, payer, account, coin), amount in shared.effective.items()
        if (period, payer, coin) == (month, rule.payer, currency) and amount
    ]
    if rule.method == "fixed":
        return {account: Decimal(named.get(account, "1") or "1") for account in accounts}
    if rule.method == "even":
        return dict.fromkeys(accounts, Decimal(1))
    costs = {account: view.get((month, rule.payer, account, currency), Decimal(0)) for account in accounts}
    return {account: max(cost, Decimal(0)) for account, cost in costs.items()}
