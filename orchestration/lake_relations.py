"""What the lake knows about itself, as tables of the warehouse's `lake` schema: columns and types, nothing else.

The relations that hold delivered rows are described by the inbound contracts; `exposing.py` fills both kinds.
"""

from __future__ import annotations

# Relations of the lake schema that no inbound contract describes: column -> type.
LAKE_RELATIONS: dict[str, dict[str, str]] = {
    "deliveries": {
        "source": "varchar",  # feed
        "table_name": "varchar",
        "account": "varchar",
        "billing_period": "date",
        "delivery_id": "varchar",
        "name": "varchar",  # the producer's own name
        "uri": "varchar",
        "sha256": "varchar",
        "status": "varchar",  # complete, incomplete, rejected, superseded, held
        "reason": "varchar",
        "rows_in": "bigint",
        "rows_loaded": "bigint",
        "rows_quarantined": "bigint",
        "control_total": "decimal(38,18)",
        "version": "varchar",
        "superseded_by": "varchar",
        "contract_version": "varchar",
        "received_at": "timestamp",
        "landed_at": "timestamp",
    },
    "delivery_totals": {
        "source": "varchar",
        "table_name": "varchar",
        "account": "varchar",
        "billing_period": "date",
        "delivery_id": "varchar",
        "currency": "varchar",
        "amount_delivered": "decimal(38,18)",  # what the files say, quarantined rows included where they parse
        "amount_landed": "decimal(38,18)",
        "amount_quarantined": "decimal(38,18)",
        "rows_in": "bigint",
        "rows_loaded": "bigint",
        "rows_quarantined": "bigint",
        "is_current": "boolean",
    },
    "quarantine": {
        "source": "varchar",
        "table_name": "varchar",
        "account": "varchar",
        "billing_period": "date",
        "delivery_id": "varchar",
        "source_file": "varchar",
        "source_row": "bigint",
        "reason": "varchar",
        "column_name": "varchar",
        "payload": "varchar",
    },
    "months": {"time_zone": "varchar", "billing_period": "date", "starts_at": "timestamp", "ends_at": "timestamp"},
    "months_begun": {"billing_period": "date"},  # months this warehouse has been asked to make
    "currencies": {"currency": "varchar", "minor_unit": "bigint"},
    # One row each, apart because each changes without the others.
    "first_delivered": {"billing_period": "date"},  # the first month that anything was delivered for
    "as_of": {"as_of_date": "date"},  # the day on which the lake was shown to the warehouse
    "code": {"code_version": "varchar"},  # the hash of the code that reads it
    "ledger_lines": {
        "invoice_id": "varchar",
        "line_id": "varchar",
        "line_number": "bigint",
        "agreement_id": "varchar",
        "seller_id": "varchar",
        "buyer_id": "varchar",
        "invoice_period": "date",
        "service_period": "date",
        "charge_key": "varchar",
        "description": "varchar",
        "quantity": "decimal(38,12)",
        "unit_price": "decimal(38,12)",
        "exact_amount": "decimal(38,12)",
        "amount": "decimal(38,4)",
        "currency": "varchar",
        "tax_category": "varchar",
        "charge_class": "varchar",
        "corrects_line_id": "varchar",
        "corrects_invoice_id": "varchar",
    },
    "ledger_invoices": {
        "invoice_id": "varchar",
        "agreement_id": "varchar",
        "seller_id": "varchar",
        "buyer_id": "varchar",
        "invoice_period": "date",
        "invoice_number": "varchar",
        "document_type": "varchar",
        "refers_to": "varchar",
        "net_amount": "decimal(38,4)",
        "tax_amount": "decimal(38,4)",
        "total_amount": "decimal(38,4)",
        "currency": "varchar",
        "payment_terms_days": "bigint",
        "issued_at": "timestamp",
        "content_hash": "varchar",
        "previous_hash": "varchar",
        "inputs_hash": "varchar",
        "voided_by": "varchar",  # number of the document that took it back
        "is_void": "boolean",  # it takes another back
        "why": "varchar",  # of a void
    },
    "ledger_closes": {
        "seller_id": "varchar",
        "billing_period": "date",
        "closed_at": "timestamp",
        "inputs_hash": "varchar",
        "waivers": "varchar",  # gates that were waived
    },
    # What the close gate said of a seller's month when the month was last made, or with what it was closed.
    "close_gates": {
        "seller_id": "varchar",
        "billing_period": "date",
        "gate_number": "bigint",
        "gate": "varchar",
        "passed": "boolean",
        "detail": "varchar",
        "waivable": "boolean",
        "waived_because": "varchar",
        "asked_at": "timestamp",
    },
    # What a closed month and those before it were computed from.
    "ledger_inputs": {
        "seller_id": "varchar",
        "invoice_period": "date",
        "service_period": "date",  # null for the catalog, which holds for all
        "input": "varchar",
        "identity": "varchar",
    },
    # Rates that stay as they were issued. Of voided invoices the tax is forgotten: a void may be there to mend it.
    "ledger_invoice_taxes": {
        "invoice_id": "varchar",
        "tax_category": "varchar",
        "kind": "varchar",
        "rate": "decimal(38,12)",
        "net_amount": "decimal(38,4)",
        "tax_amount": "decimal(38,4)",
    },
    "ledger_taxes": {
        "agreement_id": "varchar",
        "seller_id": "varchar",
        "buyer_id": "varchar",
        "service_period": "date",
        "tax_category": "varchar",
        "kind": "varchar",
        "rate": "decimal(38,12)",
        "sequence": "bigint",
    },
    "ledger_fx_rates": {
        "agreement_id": "varchar",
        "service_period": "date",
        "from_currency": "varchar",  # ANY where the agreement has a fixed rate
        "to_currency": "varchar",  # the edge's at the close; entries of old do not say it
        "rate": "decimal(38,12)",
    },
    "forecasts": {
        "series_id": "varchar",
        "party_id": "varchar",
        "scope": "varchar",
        "scope_value": "varchar",
        "currency": "varchar",
        "origin_date": "date",  # last day whose spend the forecast knows
        "forecast_date": "date",
        "model": "varchar",
        "forecast": "decimal(38,12)",
        "forecast_low": "decimal(38,12)",
        "forecast_high": "decimal(38,12)",
        "month_forecast": "decimal(38,12)",  # of the days from the origin or the month's first on, this one included
        "month_forecast_low": "decimal(38,12)",
        "month_forecast_high": "decimal(38,12)",
    },
    "forecast_backtests": {
        "series_id": "varchar",
        "party_id": "varchar",
        "scope": "varchar",
        "scope_value": "varchar",
        "currency": "varchar",
        "model": "varchar",
        "origin_date": "date",
        "horizon": "bigint",  # days after the origin that are compared
        "is_chosen": "boolean",
        "wape": "decimal(38,12)",
        "mase": "decimal(38,12)",
        "coverage": "decimal(38,12)",
    },
}
