"""Volume tiers once more in plain Python and Decimal, from money.md section 4 and without SQL: what usage in pooled
tiers costs each customer alone, and what the payer's term volume_benefit makes of the saving."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from allocation_reference import Key, Line, effective_cost
from sharing_reference import UNIT, Party, Shared, split


class Tier(NamedTuple):
    lower: Decimal
    upper: Decimal | None
    unit_price: Decimal


@dataclass(frozen=True, slots=True)
class PriceList:
    """Tiers of one match of the catalog; an empty match is any. Lists of one pool share their tiers."""

    service: str
    tiers: tuple[Tier, ...]
    sku: str = ""
    usage_type: str = ""
    pool: str = ""
    currency: str = "USD"

    @property
    def name(self) -> str:
        return self.pool or f"{self.service}/{self.sku}/{self.usage_type}"

    def rows(self) -> list[dict[str, object]]:
        """As the catalog delivers them."""
        named = {"vendor": "aws", "service": self.service, "sku": self.sku, "usage_type": self.usage_type}
        named |= {"pool": self.pool, "currency": self.currency}
        return [{key: value or None for key, value in named.items()} | tier._asdict() for tier in self.tiers]

    def charge(self, quantity: Decimal) -> Decimal:
        total = Decimal(0)
        for tier in self.tiers:
            top = quantity if tier.upper is None else min(quantity, tier.upper)
            part = top if not tier.lower else max(top, tier.lower) - tier.lower
            total += (part * tier.unit_price).quantize(UNIT, ROUND_HALF_UP)
        return total

    def fits(self, service: str, sku: str, usage_type: str, currency: str) -> bool:
        return (
            self.service == service
            and self.sku in ("", sku)
            and self.usage_type in ("", usage_type)
            and self.currency == currency
        )


def rerate(
    shared: Shared, lines: Iterable[Line], lists: Sequence[PriceList], net_payers: set[str],
    benefits: Mapping[str, str], party: Party, spread: set[str],
) -> None:  # fmt: skip
    """Adds to `shared` what tiers do: standalone amounts, and for payers not in `spread` the transfers. `benefits` is
    payers.volume_benefit by payer (as_billed where it names none)."""
    pools: dict[Key, dict[Key, list[Decimal]]] = defaultdict(lambda: defaultdict(lambda: [Decimal(0), Decimal(0)]))
    for line in lines:
        if line["line_item_line_item_type"] != "Usage":
            continue
        sku = line.get("product_sku") or line.get("line_item_usage_type") or "-"
        named = (line["line_item_product_code"], sku, line.get("line_item_usage_type") or "-")
        fitting = [one for one in lists if one.fits(*named, line["line_item_currency_code"])]
        if not fitting:
            continue
        best = min(fitting, key=lambda one: (not one.sku, not one.usage_type))
        payer = line["bill_payer_account_id"]
        pool = (line["billing_period"], payer, best.name, line.get("product_region_code") or "-", best.currency)
        unit = line.get("pricing_unit") or "-"
        member = pools[pool][line["line_item_usage_account_id"], f"{named[0]}/{named[1]}/{unit}"]
        if not line.get("split_line_item_parent_resource_id"):
            member[0] += line.get("line_item_usage_amount") or Decimal(0)
        member[1] += effective_cost(line, payer in net_payers)
    for pool, members in pools.items():
        one = next(known for known in lists if known.name == pool[2])
        _rerate_pool(shared, pool, one, members, benefits.get(pool[1], "as_billed"), party, pool[1] in spread)


def _rerate_pool(
    shared: Shared, pool: Key, prices: PriceList, members: Mapping[Key, list[Decimal]], benefit: str, party: Party,
    is_spread: bool,
) -> None:  # fmt: skip
    month, payer, _, _, currency = pool
    last_day = (month.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    customers: dict[str, list[Key]] = defaultdict(list)
    for member in members:
        customers[party(member[0], last_day)].append(member)
    if len(customers) < 2 or len(prices.tiers) < 2:
        return
    quantities = {member: quantity.quantize(UNIT, ROUND_HALF_UP) for member, (quantity, _) in members.items()}
    effective = {member: amount for member, (_, amount) in members.items()}
    alone: dict[Key, Decimal] = {}
    for own in customers.values():
        total = prices.charge(sum((quantities[member] for member in own), Decimal(0)))
        parts = split(total, {f"{account}/{rest}": quantities[account, rest] for account, rest in own})
        for member in own:
            alone[member] = parts["/".join(member)] if parts else effective[member]
    real = dict(effective)
    if benefit == "payer":
        real = alone
    if benefit == "pro_rata":
        parts = split(sum(effective.values()), {"/".join(member): amount for member, amount in alone.items()})
        real = {member: parts["/".join(member)] for member in members} if parts else real
    for member, amount in alone.items():
        account, more = member[0], real[member] - effective[member]
        shared.standalone[month, payer, account, currency] += amount - effective[member]
        if more and account != payer and not is_spread:
            sides = (account, payer) if more > 0 else (payer, account)
            key = (month, payer, *sides, "volume_tier", currency)
            shared.transfers[key] = (shared.transfers.get(key, (Decimal(0),))[0] + abs(more), Decimal(0))
