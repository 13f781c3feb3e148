"""Catalog tables as CSV, as interfaces.md section 4 lists them. One folder per delivery, one file per table.

What stands in the tables is `catalog_tables.py`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from samples.files import write

CATALOG_COLUMNS = {
    table: columns.split()
    for table, columns in {
        "parties": "party_id name role country time_zone tax_id tax_status email invoice_prefix zero_invoices",
        "agreements": "agreement_id seller_id buyer_id currency vendor cost_view proration rounding fx_source"
        " fx_fixed_rate payment_terms_days valid_from valid_to",
        "payers": "payer_id vendor party_id report cost_basis sharing_benefit volume_benefit valid_from valid_to",
        "expected_sources": "source account seller_id grace_days",
        "vendor_prices": "vendor service sku usage_type pool lower upper unit_price currency valid_from valid_to",
        "price_rules": "rule_id agreement_id vendor service sku account_id charge_category kind value tax_category"
        " valid_from valid_to",
        "resource_owners": "resource_kind resource_id party_id valid_from valid_to",
        "allocation_rules": "rule_id payer_id position match_service match_charge_category match_account method driver"
        " targets scale valid_from valid_to",
        "meters": "meter_id resource_kind series sample_type aggregation unit scale filter dimension wrap_at",
        "plans": "plan_id name currency trial_days",
        "plan_charges": "charge_id plan_id name charge_type charge_model meter_id timing interval window"
        " included_quantity free_events free_amount discount multiplier prorate_units proration minimum_amount"
        " maximum_amount tax_category",
        "charge_prices": "charge_id dimension_value valid_from valid_to tier lower upper unit_price flat_fee"
        " package_size rate fixed_fee per_event_minimum per_event_maximum minimum_amount maximum_amount"
        " flat_fee_at_zero round_down",
        "subscriptions": "subscription_id seller_id buyer_id plan_id quantity resource_kind resource_id billing_day"
        " anchor start_date end_date valid_from valid_to",
        "commitments": "commitment_id agreement_id subscription_id charge_id kind amount factor interval tax_category"
        " start_date end_date",
        "adjustments": "adjustment_id agreement_id subscription_id charge_id kind amount share position period reason",
        "budgets": "budget_id party_id scope scope_value period amount currency thresholds",
        "fx_rates": "from_currency to_currency period rate source",
        "tax_rates": "seller_country buyer_country buyer_tax_status tax_category kind rate valid_from valid_to",
    }.items()
}


def text(value: Any) -> str:
    """A cell as the CSV prints it: empty for None, true/false, ISO dates, decimals with a point."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def write_table(
    inbox: Path,
    delivered_at: str,
    table: str,
    rows: Iterable[Mapping[str, Any]],
    received_at: datetime | None = None,
) -> Path:
    """Writes `catalog/<delivered_at>/<table>.csv`. A name that is not a column of the table is a mistake: KeyError."""
    columns = CATALOG_COLUMNS[table]
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        if unknown := set(row) - set(columns):
            raise KeyError(f"{table} has no column {sorted(unknown)}")
        writer.writerow([text(row.get(column)) for column in columns])
    return write(inbox / "catalog" / delivered_at / f"{table}.csv", buffer.getvalue().encode(), received_at)
