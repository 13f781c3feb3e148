"""The worked examples of other billing systems (oracles.json), written as what our house is given: a plan and events.

Every customer here stands for one example or one part of it: its charges with prices, its events by day, its
subscription, and what it must be charged. Days lie in January to April 2024 and February and March 2025, months of as
many days as the examples' own: what a case asks of its dates is a number of days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

PERIODS = ("2024-01", "2024-02", "2024-03", "2024-04", "2025-02", "2025-03")
Tier = tuple[Any, Any, Any]  # upper (None: no end), unit price, flat fee

# Cases that are not run, each with the reason why nothing delivered could say them.
NOT_EXPRESSIBLE = {
    "PGRAD-01": "lists -6 units with 11/30 of the month left after +10 with 6/30 left: no order of time does that",
}


@dataclass
class Charge:
    """A charge of the customer's plan; `events` are (day, value, more data); days are YYYY-MM-DD or instants."""

    model: str
    tiers: Sequence[Tier] = ()
    events: Sequence[tuple[str, Any, dict[str, Any]]] = ()
    terms: dict[str, Any] = field(default_factory=dict)  # of plan_charges
    price: dict[str, Any] = field(default_factory=dict)  # of every tier of charge_prices
    meter: dict[str, Any] = field(default_factory=dict)
    per_tier: Sequence[dict[str, Any]] = ()  # of single tiers of charge_prices
    dimensions: dict[str, dict[str, Any]] = field(default_factory=dict)  # one price per value


@dataclass
class Customer:
    """One example: `expected` is what `months` come to less `less` (what was charged before), to `decimals`."""

    case: str
    charges: Sequence[Charge]
    expected: str
    part: str = ""
    months: Sequence[str] = ("2024-01",)
    decimals: int = 2
    less: str = "0"
    subscription: dict[str, Any] = field(default_factory=dict)
    # Later versions of the subscription: valid_from, plan, and the day the former ends where it is another.
    changes: Sequence[dict[str, Any]] = ()
    commitments: Sequence[dict[str, Any]] = ()  # on the whole subscription

    @property
    def name(self) -> str:
        return f"{self.case}{self.part}".lower()


def units(*quantities: Any, day: str = "2024-01-10") -> list[tuple[str, Any, dict[str, Any]]]:
    """Events of these values, a second apart."""
    return [(f"{day}T00:00:{second:02d}Z", value, {}) for second, value in enumerate(quantities)]


def on_days(*given: tuple[str, Any], **more: Any) -> list[tuple[str, Any, dict[str, Any]]]:
    return [(day, value, more) for day, value in given]


def carried(*amounts: str) -> list[tuple[str, Any, dict[str, Any]]]:
    """Events that carry their own amounts."""
    return [(f"2024-01-{day:02d}", 1, {"amount": amount}) for day, amount in enumerate(amounts, start=2)]


def tiered(case: str, model: str, tiers: Sequence[Tier], **expected: Any) -> list[Customer]:
    """One customer for each `q<units>=amount`."""
    made = []
    for name, amount in expected.items():
        quantity = name.removeprefix("q").replace("_", ".")
        events = units(quantity) if Decimal(quantity) else ()
        made.append(Customer(case, [Charge(model, tiers, events)], str(amount), part=f"-{name}"))
    return made


LAGO = [(10, 10, 2), (20, 5, 3), (None, 5, 3)]
METER = [(5, 0, 100), (10, 0, 50), (15, 10, 0), (None, 5, 0)]
PROJECTS = [(5, 7, 0), (10, "6.5", 0), (None, 6, 0)]
LAGO_VOLUME = [(100, 2, 10), (200, 1, 0), (None, "0.5", 50)]
METER_VOLUME = [(5, 0, 100), (10, 0, 150), (15, 10, 0), (None, 5, 0)]
SLABS = [(10, 50, 0), (20, 40, 0), (None, 30, 0)]
BLOCKS = [(1000, 1, 0), (101_000, 1, 0), (None, "0.5", 0)]
BLOCK_SIZES = [{"package_size": 100}, {"package_size": 1000}, {"package_size": 1000}]
MINUTES = [(1000, 1, 0), (None, "0.5", 0)]
MEGABYTES = [(1024, "0.5", 0), (None, "0.1", 0)]
SHARES = [(10, 0, 200), (20, 0, 300), (None, 0, 400)]
SHARE_RATES = [{"rate": "0.01"}, {"rate": "0.02"}, {"rate": "0.03"}]
RECORDS = [(50, 11, 0), (100, 10, 0), (None, 9, 0)]
PRORATED = [(5, 10, 100), (None, 5, 50)]
RECORD_EVENTS = [
    ("2024-01-01", 20, {"group": "A"}),
    ("2024-01-16", 90, {"group": "A"}),
    ("2024-02-01", 80, {"group": "B"}),
    ("2024-02-16", 15, {"group": "A"}),
    ("2024-01-01T01:00:00Z", 50, {"group": "B"}),
    ("2024-02-16T01:00:00Z", 100, {"group": "A"}),
]


def tier_cases() -> list[Customer]:
    """Graduated and volume, with and without blocks."""
    blocks = [{"package_size": 100}, {"package_size": 1000}]
    ten = [{"package_size": 10}] * 2
    made = [
        *tiered("GRAD-01", "graduated", LAGO, q0=2),
        *tiered("GRAD-03", "graduated", LAGO, q10=102),
        *tiered("GRAD-05", "graduated", LAGO, q12=115),
        *tiered("GRAD-07", "graduated", [("0.1", 10, 0), (1, 5, 0), (None, 2, 0)], q0_05="0.5"),
        *tiered("GRAD-09", "graduated", METER, q0=100),
        *tiered("GRAD-11", "graduated", METER, q5=100),
        *tiered("GRAD-13", "graduated", METER, q7=150),
        *tiered("GRAD-15", "graduated", METER, q22=235),
        *tiered("GRAD-17", "graduated", [(1000, "0.01", 0), (10_000, "0.008", 0), (None, "0.005", 0)], q15000="107.00"),
        *tiered("GRAD-19", "graduated", PROJECTS, q6="41.5"),
        *tiered("GRAD-21", "graduated", PROJECTS, q25="157.5"),
        *tiered("GRAD-23", "graduated", SLABS, q25=1050),
        Customer(
            "GRAD-25", [Charge("graduated", MINUTES, units(5325), per_tier=blocks, price={"unit_price": 1})], "15"
        ),
        Customer(
            "GRAD-27",
            [
                Charge("graduated", MINUTES, units(1500), per_tier=ten),
                Charge("graduated", MEGABYTES, units(2048)),
            ],
            "739.4",
        ),
        *tiered("VOL-01", "volume", LAGO_VOLUME, q0=10),
        *tiered("VOL-03", "volume", LAGO_VOLUME, q100=210),
        *tiered("VOL-05", "volume", LAGO_VOLUME, q101=101),
        *tiered("VOL-07", "volume", LAGO_VOLUME, q210=155),
        *tiered("VOL-11", "volume", PROJECTS, q5=35),
        *tiered("VOL-13", "volume", PROJECTS, q20=120),
        *tiered("VOL-15", "volume", METER_VOLUME, q0=100),
        *tiered("VOL-17", "volume", METER_VOLUME, q5=100),
        *tiered("VOL-19", "volume", METER_VOLUME, q15=150),
        *tiered("VOL-21", "volume", METER_VOLUME, q100=500),
        *tiered("VOL-23", "volume", SLABS, q15=600),
        *tiered("VOL-25", "volume", [(1000, 1, 0), (None, "0.0006", 10)], q65000="49.00"),
        Customer(
            "VOL-29",
            [
                Charge("volume", MINUTES, units(1500), per_tier=ten),
                Charge("volume", MEGABYTES, units(2048)),
            ],
            "279.8",
        ),
        Customer(
            "VOL-09",
            [
                Charge(
                    "volume",
                    LAGO_VOLUME,
                    on_days(("2024-04-11", 297), ("2024-04-25", 3)),  # 297 x 20/30 + 3 x 6/30 = 198.6
                    terms={"prorate_units": "true"},
                )
            ],
            "149.3",
            months=("2024-04",),
        ),
    ]
    for quantity, amount in (("1000", "10"), ("101000", "101"), ("101001", "51.0"), ("300000", "150.0")):
        charge = Charge("volume", BLOCKS, units(quantity), per_tier=BLOCK_SIZES)
        made.append(Customer("VOL-27", [charge], amount, part=f"-q{quantity}"))
    return made


def event_cases() -> list[Customer]:
    """Packages, percentages, amounts carried by events, windows, limits and what was billed before."""
    package = [(None, 100, 0)]
    fifteen = [(None, 15, 0)]
    percent = {"rate": "0.0299", "per_event_minimum": "1.75", "per_event_maximum": "12"}
    sold = units(10, 80, 10000)
    lago = {"rate": "0.013", "fixed_fee": "2"}
    transactions = [(1000, 0, 200), (None, 0, 300)]
    metered = [(5, 0, 100), (10, 0, 50), (15, 5, 0), (None, 1, 0)]
    states = {
        "CA": {"unit_price": 10, "minimum_amount": 100, "maximum_amount": 200},
        "NY": {"unit_price": 12, "minimum_amount": 120, "maximum_amount": 240},
    }
    made = [
        Customer("PKG-03", [Charge("package", fifteen, price={"package_size": 10})], "0", part="a"),
        Customer("PKG-03", [Charge("package", fifteen, units(10), price={"package_size": 10})], "15", part="b"),
        Customer(
            "PKG-03", [Charge("package", fifteen, units(17, 5), price={"package_size": 10})], "15", part="c", less="30"
        ),
        Customer(
            "PCT-01",
            [
                Charge(
                    "percentage", [(None, 0, 0)], units(50, 100, 250, 400), price=lago,
                    terms={"free_events": 3, "free_amount": 250},
                )
            ],
            "11.15",
        ),
        Customer("PCT-03", [Charge("percentage", [(None, 0, 0)], units(50, 100, 250, 400), price=lago)], "18.4"),
        Customer("INCR-01", [Charge("graduated", metered, units(12, 10))], "182", part="a"),
        Customer("INCR-01", [Charge("graduated", metered, units(12, 10))], "22", part="b", less="160"),
        Customer("DYN-01", [Charge("dynamic", [(None, 0, 0)], carried("10.1", "901.9"))], "912", part="a"),
        Customer(
            "DYN-01", [Charge("dynamic", [(None, 0, 0)], carried("10"), terms={"multiplier": "1.33333"})], "13.33",
            part="b",
        ),
        Customer(
            "OVER-01",
            [Charge("per_unit", [(None, 1, 0)], units(5000)), Charge("per_unit", [(None, 2, 0)], units(2500))],
            "14500",
            commitments=[{"kind": "overage", "amount": 1000, "factor": "1.5"}],
        ),
        Customer("DISC-01", [Charge("per_unit", [(None, 1, 0)], units(5, 15), terms={"included_quantity": 10})], "10"),
    ]  # fmt: skip
    for free, amount in ((0, 1300), (10, 1200), (200, 0)):
        terms = {"included_quantity": free} if free else {}
        charge = Charge("package", package, units(121), price={"package_size": 10}, terms=terms)
        made.append(Customer("PKG-01", [charge], str(amount), part=f"-free{free}"))
    parts: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
        "a": ("16.142", {}, {}),
        "b": ("18.691", {}, {"fixed_fee": "2"}),
        "c": ("12", {"free_events": 2}, {}),
        "d": ("13.794", {"free_amount": 30}, {}),
        "e": ("2.691", {"free_events": 3, "free_amount": 10000}, {}),
    }
    for part, (amount, terms, more) in parts.items():
        charge = Charge("percentage", [(None, 0, 0)], sold, terms=terms, price=percent | more)
        made.append(Customer("PCT-05", [charge], amount, part=part, decimals=3))
    plain = Charge("percentage", [(None, 0, 0)], sold, price={"rate": "0.0299"})
    made.append(Customer("PCT-05", [plain], "301.691", part="f", decimals=3))
    for case, quantity, amount in (("GPCT-01", 0, "0"), ("GPCT-03", 10, "200.1"), ("GPCT-05", 12, "500.14")):
        events = units(quantity) if quantity else ()
        made.append(Customer(case, [Charge("graduated_percentage", SHARES, events, per_tier=SHARE_RATES)], amount))
    cumulative = (("a", (500,), "205", "0"), ("b", (500, 550), "306", "205"), ("c", (500, 550, 4000), "80", "511"))
    for part, values, amount, less in cumulative:
        charge = Charge("graduated_percentage", transactions, units(*values), per_tier=SHARE_RATES[:2])
        made.append(Customer("GPCT-07", [charge], amount, part=part, less=less))
    for case, window, january, february in (
        ("RGRP-01", "period", "1440", "1755"),
        ("RGRP-03", "record", "1670", "1965"),
        ("RGRP-05", "group", "1540", "1835"),
    ):
        for month, amount in (("2024-01", january), ("2024-02", february)):
            charge = Charge("volume", RECORDS, RECORD_EVENTS, terms={"window": window})
            made.append(Customer(case, [charge], amount, part=month[5:], months=(month,)))
    for part, state, quantity, amount in (("a", "CA", 8, "100"), ("b", "NY", 25, "240"), ("c", "NY", 10, "120")):
        events = [("2024-01-10", quantity, {"state": state})]
        charge = Charge("per_unit", (), events, meter={"dimension": "state"}, dimensions=states)
        made.append(Customer("MM-01", [charge], amount, part=part))
    prorated = {"prorate_units": "true"}
    for case, month, expected, events in (
        ("PGRAD-03", "2024-01", "165.81", (("10", 1), ("20", 4), ("25", 1), ("27", -5), ("30", -1))),
        ("PGRAD-05", "2024-04", "180.5", (("10", 4), ("16", 2), ("25", -3))),
    ):
        given = on_days(*((f"{month}-{day}", value) for day, value in events))
        made.append(Customer(case, [Charge("graduated", PRORATED, given, terms=prorated)], expected, months=(month,)))
    # Units taken back below zero would be credited at the first tier's price: a minimum of 0 is the example's floor.
    below = on_days(("2024-04-19", 5), ("2024-04-21", -100))
    floored = Charge("graduated", PRORATED, below, terms=prorated | {"minimum_amount": 0})
    made.append(Customer("PGRAD-07", [floored], "0", months=("2024-04",)))
    weighted = [("2024-03-05", 2500, {}), ("2024-04-04", -2000, {}), ("2024-04-06", -200, {})]
    meter = {"sample_type": "delta", "aggregation": "weighted_sum"}
    charge = Charge("per_unit", [(None, 1, 0)], weighted, meter=meter)
    made.append(Customer("PRO-09", [charge], "533.33", months=("2024-04",)))
    return made


def monthly(price: Any, **terms: Any) -> Charge:
    return Charge("flat", [(None, price, 0)], terms={"charge_type": "recurring", "timing": "in_advance", **terms})


def proration_cases() -> list[Customer]:
    """Recurring charges: shares of a month, of a year, changes of quantity and price, anchors."""
    calendar = {"anchor": "calendar"}
    made = []
    for case, month, first, last, *shares in (
        ("PRO-01", "2024-01", "2024-01-27", "2024-01-31", "5/31", "5/30", "4/30"),
        ("PRO-03", "2024-02", "2024-02-01", "2024-02-29", "29/29", "29/30", "30/30"),
    ):
        for policy, share in zip(("actual_days", "assume_30", "strict_30_360"), shares, strict=True):
            days, of_days = share.split("/")
            dates = {**calendar, "start_date": first, "end_date": last}
            # 930 is a multiple of every divisor but 29, whose share is whole.
            amount = Decimal(930) * int(days) / int(of_days)
            charge = monthly(930, proration=policy)
            made.append(Customer(case, [charge], str(amount), part=f"-{policy}", months=(month,), subscription=dates))
    change = "2024-03-15"
    per_unit = {"charge_type": "recurring", "timing": "in_advance"}
    made += [
        Customer("PRO-07", [monthly(10, timing="in_arrears")], "-0.32", part="a", months=("2024-01",), less="10",
                 subscription={**calendar, "start_date": "2024-01-01", "end_date": "2024-01-30"}),
        Customer("PRO-07", [monthly(120, timing="in_arrears", interval="year")], "90.16", part="b", months=("2024-04",),
                 subscription={"start_date": "2023-07-03", "end_date": "2024-04-02"}),
        Customer("PRO-11", [monthly(100), monthly(30)], "-38.39", months=("2024-03",), less="100",
                 subscription={**calendar, "start_date": "2024-01-01"}, changes=[{"valid_from": change, "plan": 1}]),
        # The whole old fee is credited where the old version ends before the month that the upgrade falls into.
        Customer("PRO-05", [monthly(20), monthly(40)], "7.10", months=("2024-03",), less="20",
                 subscription={**calendar, "start_date": "2024-01-01"},
                 changes=[{"valid_from": "2024-03-11", "former_valid_to": "2024-03-01", "plan": 1}]),
        Customer("PRO-13", [Charge("per_unit", [(None, 25, 0)], terms=per_unit)], "13.71", months=("2024-03",),
                 subscription={**calendar, "start_date": change}),
        Customer("PRO-15", [monthly(100)], "50", months=("2025-02",),
                 subscription={"start_date": "2025-02-10", "end_date": "2025-02-23", "billing_day": 10}),
        Customer("PRO-17", [monthly(29)], "14", months=("2024-02",),
                 subscription={"start_date": "2024-02-01", "end_date": "2024-02-14", "billing_day": 1}),
        Customer("PRO-19", [monthly(12), monthly(24)], "33", part="a", months=("2025-02", "2025-03"), less="12",
                 subscription={**calendar, "start_date": "2025-02-01", "end_date": "2025-03-31"},
                 changes=[{"valid_from": "2025-02-08", "plan": 1}]),
        Customer("PRO-19", [monthly(1), monthly(3)], "1.00", part="b", months=("2025-02",), less="1",
                 subscription={**calendar, "start_date": "2025-02-01"},
                 changes=[{"valid_from": "2025-02-15", "plan": 1}]),
    ]  # fmt: skip
    for part, dates, amount, less in (
        ("a", {"start_date": "2025-02-03", "end_date": "2025-02-16", "billing_day": 3}, "50", "0"),
        ("b", {"start_date": "2025-02-17", "billing_day": 3}, "150", "0"),
        ("c", {"start_date": "2025-02-20", "end_date": "2025-03-05", "billing_day": 20}, "50", "0"),
        # A billing day of 31 is the 28th in this February; its system counts that cycle from 28 January, as a 28th's.
        ("d", {"start_date": "2025-02-14", "billing_day": 28}, "145.16", "0"),
        ("e", {"start_date": "2025-02-14", "billing_day": 27}, "141.94", "0"),
    ):
        months = ("2025-02", "2025-03") if part in "bc" else ("2025-02",)
        made.append(Customer("PER-03", [monthly(100)], amount, part=part, months=months, less=less, subscription=dates))
    for part, day, end in (("a", 15, "2024-04-15"), ("b", 16, "2024-04-16"), ("c", 17, "2024-03-17")):
        dates = {"start_date": "2024-03-16", "billing_day": day}
        made.append(Customer("PER-01", [monthly(100)], end, part=part, months=("2024-03",), subscription=dates))
    return made


def customers() -> list[Customer]:
    return [*tier_cases(), *event_cases(), *proration_cases()]
