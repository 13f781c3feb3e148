"""Charges in combinations, worked by hand from the money page: what a quarter comes to, month by month.

Each case is a customer of its own with one plan. Amounts are exact; `JAN` and so on say the day of an event.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
JAN5, JAN10, JAN20 = "2026-01-05T10:00:00Z", "2026-01-10T10:00:00Z", "2026-01-20T10:00:00Z"
FEB5, MAR5 = "2026-02-05T10:00:00Z", "2026-03-05T10:00:00Z"
IN_JANUARY: Row = {"end_date": "2026-01-31"}
CALENDAR: Row = {"anchor": "calendar"}


@dataclass(frozen=True)
class Case:
    """One customer. `events` are (time, value, more data); `expected` is the amount of each month, of January alone
    where it is a text; `components` is what January's components come to."""

    model: str
    prices: list[Row]
    expected: Mapping[str, str] | str
    events: Iterable[tuple[Any, ...]] = ()
    terms: Row = field(default_factory=dict)  # of plan_charges
    versions: tuple[Row, ...] = (IN_JANUARY,)  # of the subscription
    meter: str = "units"
    commitments: tuple[Row, ...] = ()
    adjustments: tuple[Row, ...] = ()
    agreement: Row = field(default_factory=dict)
    seller: str = "house"
    components: Mapping[str, str] = field(default_factory=dict)

    def months(self) -> Mapping[str, str]:
        return {"2026-01": self.expected} if isinstance(self.expected, str) else self.expected


METERS: dict[str, Row] = {
    "units": {"sample_type": "event", "aggregation": "sum"},
    "by_region": {"sample_type": "event", "aggregation": "sum", "dimension": "region"},
    "percentile": {"sample_type": "event", "aggregation": "p95"},
    "running": {"sample_type": "delta", "aggregation": "weighted_sum"},
    "readings": {"sample_type": "counter", "aggregation": "sum"},
    "level": {"sample_type": "gauge", "aggregation": "sum"},
}


def tiers(*given: tuple[Any, Any, Any], **terms: Any) -> list[Row]:
    """Tiers of (upper, unit price, flat fee), each beginning where the one below ends."""
    rows, lower = [], "0"
    for number, (upper, unit_price, flat_fee) in enumerate(given, start=1):
        rows.append(
            {"tier": number, "lower": lower, "upper": upper, "unit_price": unit_price, "flat_fee": flat_fee} | terms
        )
        lower = upper
    return rows


def quarter(january: str, february: str, march: str) -> dict[str, str]:
    return {"2026-01": january, "2026-02": february, "2026-03": march}


ONE = [{"unit_price": 1}]
TWO = [(10, 1, None), (None, 2, None)]
FEES = [(10, 10, 2), (20, 5, 3), (None, 5, 3)]
STEPS = [(10, None, 20), (None, None, 70)]
SHARE = [{"rate": "0.02", "fixed_fee": "0.30"}]
CLAMPED = [{"rate": "0.02", "fixed_fee": "0.30", "per_event_minimum": "1.5", "per_event_maximum": "2.5"}]
FIRST, LATER = {"valid_to": "2026-01-16"}, {"valid_from": "2026-01-16"}
REGIONS = [("eu", 12), ("us", 5)]
TWENTY = [(f"2026-01-05T{number // 12:02d}:{number % 12 * 5:02d}:00Z", number + 1) for number in range(20)]
RECURRING: Row = {"charge_type": "recurring"}
AHEAD: Row = RECURRING | {"timing": "in_advance"}


def limit(kind: str, amount: Any, **terms: Any) -> Row:
    return {"kind": kind, "amount": amount, "start_date": "2026-01-01"} | terms


def each_month(*values: Any) -> list[tuple[Any, ...]]:
    return list(zip((JAN5, FEB5, MAR5), values, strict=False))


OPEN: tuple[Row, ...] = ({},)

USAGE = {
    # Included 5 are used up on the 5th: 3 at 1; then a day of its own: 10 at 1 and 4 at 2.
    "day-window": Case("graduated", tiers(*TWO), "21", [(JAN10, 14), (JAN5, 8)], {"window": "day",
                                                                                  "included_quantity": 5}),
    "record-window": Case("graduated", tiers(*TWO), "6", [(JAN5, 8), (JAN10, 8)], {"window": "record",
                                                                                   "included_quantity": 10}),
    # Two named groups and the rest are three windows, each with one unit and the first tier's fee.
    "group-window": Case("graduated", tiers(*FEES), "36", [(JAN5, 1, {"group": "a"}), (JAN10, 1, {"group": "b"}),
                                                           (JAN20, 1)],
                         {"window": "group"}),
    "packages-by-day": Case("package", [{"unit_price": 100, "package_size": 10}], "300",
                            [(JAN5, 5), (JAN10, 5), (JAN20, 5)], {"window": "day"}),
    "blocks-in-tiers": Case("graduated", [{"tier": 1, "lower": 0, "upper": 1000, "unit_price": 7, "package_size": 100},
                                          {"tier": 2, "lower": 1000, "unit_price": 20, "package_size": 500}], "90",
                                          [(JAN5, 1250)]),
    # 8 at 1, then 2 at 3 and 5 at 4: tiers go on over the change; its fees are those of the price a tier is entered at.
    "new-price": Case("graduated", tiers((10, 1, 2), (None, 2, 3), **FIRST) + tiers((10, 3, 20), (None, 4, 30),
                                                                                    **LATER), "66",
                      [(JAN10, 8), (JAN20, 7)], components={"tier_fee": "32"}),
    "new-price-volume": Case("volume", tiers((10, 1, None), (None, "0.5", None), **FIRST) + tiers((10, 2, None),
                                                                                                  (None, "1.5", None),
                                                                                                  **LATER),
                             "14.5", [(JAN10, 8), (JAN20, 7)]),
    # Until 16 January 05:00 UTC it is the 15th in New York.
    "new-price-abroad": Case("per_unit", [{"unit_price": 1} | FIRST, {"unit_price": 2} | LATER], "19",
                             [("2026-01-16T03:00:00Z", 5), ("2026-01-16T05:00:00Z", 7)], seller="abroad"),
    "month-abroad": Case("per_unit", ONE, quarter("1", "2", "12"),
                         [("2026-02-01T04:59:59Z", 1), ("2026-02-01T00:00:00-05:00", 2), ("2026-03-08T12:00:00Z", 4),
                          ("2026-04-01T03:59:59.999Z", 8), ("2026-04-01T04:00:00Z", 16)], versions=OPEN,
                          seller="abroad"),
    # Its only edge names a vendor; the subscription is billed on it all the same.
    "month-abroad-by-vendor": Case("per_unit", ONE, quarter("1", "2", "0"),
                                   [("2026-02-01T04:59:59Z", 1), ("2026-02-01T00:00:00-05:00", 2)], versions=OPEN,
                                   agreement={"vendor": "edge"}, seller="abroad"),
    "matrix-tiers": Case("graduated", tiers(*TWO, dimension_value="eu") + tiers(*TWO, dimension_value="us"), "19",
                         [(JAN5, value, {"region": region}) for region, value in REGIONS], meter="by_region"),
    # 15 in the price for any value fill its tiers together.
    "any-value": Case("graduated", tiers(*TWO), "24", [(JAN5, value, {"region": region}) for region, value in REGIONS],
                      meter="by_region"),
    "matrix-limits": Case("per_unit", [{"unit_price": 2, "dimension_value": "eu", "maximum_amount": 20},
                                       {"unit_price": 3, "dimension_value": "us", "minimum_amount": 25}], "45",
                          [(JAN5, value, {"region": region}) for region, value in REGIONS], meter="by_region",
                          components={"maximum": "-4", "minimum": "10"}),
    "matrix-included": Case("per_unit", [{"unit_price": 2, "dimension_value": "eu"}, {"unit_price": 3,
                                                                                      "dimension_value": "us"}],
                            "18", [(JAN5, 8, {"region": "eu"}), (JAN10, 8, {"region": "us"})],
                            {"included_quantity": 10},
                            meter="by_region"),
    # (100 - 20 % = 80) capped at 50.
    "discount-and-limit": Case("per_unit", ONE, "50", [(JAN5, 100)], {"discount": "0.2", "maximum_amount": 50},
                               components={"usage": "100", "discount": "-20", "maximum": "-30"}),
    "percentile": Case("p95", tiers(*FEES), "150", TWENTY, meter="percentile"),
    "percentile-included": Case("p95", [{"unit_price": 2}], "20", TWENTY, {"included_quantity": 9}, meter="percentile"),
    "fee-of-a-quiet-step": Case("stairstep", tiers(*STEPS, flat_fee_at_zero="true"), "20"),
    "no-fee-of-a-quiet-step": Case("stairstep", tiers(*STEPS), "0"),
    "fee-of-a-used-step": Case("stairstep", tiers(*STEPS, flat_fee_at_zero="true"), "70", [(JAN5, "10.001")]),
    "no-fee-at-zero": Case("graduated", tiers(*FEES, flat_fee_at_zero="false"), "0"),
    "fee-at-zero-in-part": Case("volume", tiers(*FEES), "2", versions=({"start_date": "2026-01-22"} | IN_JANUARY,)),
    "taken-back": Case("graduated", tiers(*FEES), "72", [(JAN5, -5), (JAN10, 12)]),
    "half-a-month": Case("volume", tiers(*TWO), "12", [("2026-01-16T12:00:00Z", 12)], {"prorate_units": "true"}),
    # Others are charged by the numbers of this meter; these events have none and miss none.
    "amounts": Case("dynamic", [], "-3.663", [(JAN5, None, {"amount": "1.23"}), (JAN10, None, {"amount": -4.56})],
                    {"multiplier": "1.1"}),
}  # fmt: skip

SHARES = {
    # In time order 100 come first: free; then 20 of the 50.
    "share": Case("percentage", SHARE, "0.9", [(JAN10, 50), (JAN5, 100)], {"free_amount": 120, "free_events": 3}),
    "share-of-events": Case("percentage", SHARE, "1.3", [(JAN10, 50), (JAN5, 100)], {"free_amount": 120,
                                                                                     "free_events": 1}),
    "share-included": Case("percentage", SHARE, "1.2", [(JAN10, 50), (JAN5, 100), (JAN20, 0)],
                           {"included_quantity": 120},
                           components={"usage": "0.6", "tier_fee": "0.6"}),
    # 10 free, 25 of 100 free: 1.50 + 0.30; 200: 4.30, at most 2.50.
    "share-clamped": Case("percentage", CLAMPED, "4.3", [(JAN5, 10), (JAN10, 100), (JAN20, 200)], {"free_amount": 35}),
    # The first event is taken back in February, so the second is the free one.
    "share-voided": Case("percentage", SHARE, "0", [(JAN5, 100, {"id": "taken"}), (JAN10, 50), (FEB5, None,
                                                                                                {"voids": "taken"})],
                         {"free_events": 1}, versions=OPEN),
    "share-refunded": Case("percentage", SHARE, "1.3", [(JAN5, 100), (JAN10, -50)]),
    "share-in-tiers": Case("graduated_percentage", [{"tier": 1, "lower": 0, "upper": 1000, "rate": "0.01",
                                                     "flat_fee": 1},
                                                    {"tier": 2, "lower": 1000, "rate": "0.005", "flat_fee": 2}], "15.5",
                           [(JAN5, 2000)], {"included_quantity": 500}),
}  # fmt: skip

READINGS = {
    # A restart in the first second of February, a repetition, and a step over the turn of February.
    "restart": Case("per_unit", ONE, quarter("1050", "20", "1"),
                    [("2026-01-01T00:00:00Z", 100), ("2026-01-11T00:00:00Z", 30), ("2026-01-10T00:00:00Z", 150),
                     ("2026-01-10T00:00:00Z", 150), ("2026-01-31T23:50:00Z", 1000), ("2026-02-01T00:00:00Z", 5),
                     ("2026-02-28T23:59:00Z", 20), ("2026-03-01T00:01:00Z", 21)], versions=OPEN, meter="readings"),
    # Held for five minutes at most: two of them are January's.
    "held": Case("per_unit", ONE, quarter("1200", "1800", "0"), [("2026-01-31T23:58:00Z", 10)], versions=OPEN,
                 meter="level"),
    "carried": Case("per_unit", ONE, quarter("8", "7", "8"),
                    [("2025-11-10T00:00:00Z", 10), ("2026-01-16T12:00:00Z", -4), ("2026-02-15T00:00:00Z", 2)],
                    versions=({"start_date": "2025-11-01"},), meter="running"),
}  # fmt: skip

FIXED = {
    "clamped-day": Case("flat", [{"unit_price": 31}], quarter("31", "31", "31"),
                        terms=RECURRING | {"proration": "strict_30_360"},
                        versions=({"start_date": "2025-12-31"},)),
    "clamped-first": Case("flat", [{"unit_price": 31}], quarter("21", "31", "31"), terms=RECURRING,
                          versions=({"start_date": "2026-01-10", "billing_day": 31},)),
    "quarter-cut": Case("flat", [{"unit_price": 90}], "40", terms=AHEAD | {"interval": "quarter"},
                        versions=(CALENDAR | {"end_date": "2026-02-09"},)),
    "trial": Case("flat", [{"unit_price": 31}], {"2026-01": "17"}, terms=AHEAD | {"trial": 14},
                  versions=(CALENDAR | IN_JANUARY,)),
    "paused": Case("flat", [{"unit_price": 31}], "21", terms=RECURRING,
                   versions=(CALENDAR | IN_JANUARY | {"valid_to": "2026-01-11"},
                             CALENDAR | IN_JANUARY | {"valid_from": "2026-01-21"})),
    "more-seats": Case("per_unit", [{"unit_price": 10}], "65.483870967742", terms=AHEAD,
                       versions=(CALENDAR | IN_JANUARY | {"quantity": 5, "valid_to": "2026-01-16"},
                                 CALENDAR | IN_JANUARY | {"quantity": 8, "valid_from": "2026-01-16"})),
    "seats-included": Case("graduated", tiers(*FEES), "102", terms=RECURRING | {"included_quantity": 5},
                           versions=({"quantity": 15} | IN_JANUARY,), components={"included": "0"}),
    "dearer": Case("flat", [{"unit_price": 31} | FIRST, {"unit_price": 62} | LATER], "47", terms=RECURRING,
                   versions=(CALENDAR | IN_JANUARY,)),
}  # fmt: skip

LIMITS = {
    # (100 - 10 %) is 40 above the maximum; of the 50 left 30 are prepaid. Then 9 are 31 below the minimum.
    "all-limits": Case("per_unit", ONE, {"2026-01": "20", "2026-02": "40", "2026-03": "40"}, each_month(100, 10),
                       {"discount": "0.1"}, OPEN, commitments=(limit("maximum", 50), limit("minimum", 40),
                                                               limit("prepaid", 30)),
                       components={"usage": "100", "discount": "-10", "maximum": "-40", "prepaid": "-30"}),
    "upward": Case("per_unit", ONE, quarter("70", "70", "160"), each_month(50, 60, 70), versions=OPEN,
                   commitments=(limit("minimum", 70), limit("minimum", 300, interval="quarter"))),
    "capped": Case("per_unit", ONE, quarter("100", "50", "0"), each_month(100, 60, 70), versions=OPEN,
                   commitments=(limit("maximum", 150, interval="quarter"),)),
    "prepaid": Case("per_unit", ONE, quarter("0", "0", "20"), each_month(30, 60, 60), versions=OPEN,
                    commitments=(limit("prepaid", 100, end_date="2026-03-31"), limit("prepaid", 40,
                                                                                     end_date="2026-01-31"))),
    "beyond": Case("per_unit", ONE, quarter("50", "100", "95"), each_month(50, 100, 80), versions=OPEN,
                   commitments=(limit("overage", 200, factor="1.5", interval="quarter"),)),
    # The narrower interval first: 10 + 10, then the quarter's 140 are 40 too many, then prepaid.
    "mixed": Case("per_unit", ONE, quarter("0", "30", "0"), each_month(60, 60, 10), versions=OPEN,
                  commitments=(limit("maximum", 100, interval="quarter"), limit("minimum", 20), limit("prepaid", 70)),
                  components={"prepaid": "-60"}),
    "from-both": Case("per_unit", ONE, "100", versions=({"start_date": "2026-01-22"} | IN_JANUARY,),
                      commitments=(limit("minimum", 310),)),
    "credit": Case("per_unit", ONE, quarter("0", "5", "5"), each_month(10, 20, 5), versions=OPEN,
                   adjustments=({"kind": "credit", "amount": 25},)),
    "coupon": Case("per_unit", ONE, quarter("9", "18", "0"), each_month(10, 20), versions=OPEN,
                   adjustments=({"kind": "coupon", "share": "0.1"},)),
}  # fmt: skip

CASES: dict[str, Case] = USAGE | SHARES | READINGS | FIXED | LIMITS
