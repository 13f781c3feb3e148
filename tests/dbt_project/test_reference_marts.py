"""Marts without a month of their own: parties, agreements, months of sellers, deliveries, quarantine."""

from __future__ import annotations

from datetime import date, datetime

import pytest

pytestmark = pytest.mark.dbt

KNOWN = {"recorded_at": "2026-01-01"}


@pytest.fixture(scope="module")
def warehouse(scratch_warehouse):
    """Two sellers, deliveries of two months and one of the catalog, one month closed by one seller."""
    parties = ("distributor", "reseller", "customer")
    agreements = (("a1", "distributor", "reseller"), ("a2", "reseller", "customer"))
    deliveries = (
        ("aws_cur", "2026-01-01", "complete"),
        ("edge", "2026-03-01", "rejected"),
        ("catalog", None, "complete"),
    )
    built = scratch_warehouse(
        {
            "catalog__parties": [{"party_id": name, "name": name, "role": name} | KNOWN for name in parties],
            "catalog__agreements": [
                {"agreement_id": name, "seller_id": seller, "buyer_id": buyer, "currency": "EUR"} | KNOWN
                for name, seller, buyer in agreements
            ],
            "deliveries": [
                {"source": source, "billing_period": month, "delivery_id": source, "status": status}
                for source, month, status in deliveries
            ],
            "ledger_closes": [
                {
                    "seller_id": "reseller",
                    "billing_period": "2026-01-01",
                    "closed_at": "2026-02-03 04:05:06",
                    "inputs_hash": "abc",
                }
            ],
            "quarantine": [
                {"source": "aws_cur", "billing_period": "2026-01-01", "reason": "bad_date", "source_row": 7}
            ],
        }
    )
    built.build("+path:models/marts/reference", "2026-01", "2026-02")
    return built


def test_every_seller_has_every_month_in_which_anything_came_and_only_closed_ones_are_closed(warehouse):
    """Fails when a month is missing for a seller, or its status says other than the ledger."""
    january, march, closed_at = date(2026, 1, 1), date(2026, 3, 1), datetime(2026, 2, 3, 4, 5, 6)
    columns = "seller_id, billing_period, period, status, closed_at, inputs_hash"
    assert warehouse.rows(f"select {columns} from dim_billing_period order by all") == [
        ("distributor", january, january, "open", None, None),
        ("distributor", march, march, "open", None, None),
        ("reseller", january, january, "closed", closed_at, "abc"),
        ("reseller", march, march, "open", None, None),
    ]


def test_deliveries_and_refused_rows_are_shown_as_the_lake_has_them(warehouse):
    """Fails when a delivery or a quarantined row is hidden from readers of the marts."""
    assert warehouse.rows("select source, status from deliveries order by all") == [
        ("aws_cur", "complete"),
        ("catalog", "complete"),
        ("edge", "rejected"),
    ]
    assert warehouse.rows("select source, reason, source_row from quarantine") == [("aws_cur", "bad_date", 7)]


def test_parties_and_agreements_carry_their_terms_with_defaults(warehouse):
    """Fails when a party or an edge of the last catalog is missing, or an open validity is left open."""
    assert warehouse.rows("select party_id, time_zone from dim_party order by all") == [
        ("customer", "UTC"),
        ("distributor", "UTC"),
        ("reseller", "UTC"),
    ]
    assert warehouse.rows("select agreement_id, vendor, valid_from, valid_to from dim_agreement order by all") == [
        ("a1", "ANY", date(1900, 1, 1), date(9999, 12, 31)),
        ("a2", "ANY", date(1900, 1, 1), date(9999, 12, 31)),
    ]
