"""The FOCUS exports of the golden world: the spec's names and rules, and the invoices' own totals."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.golden_month.world import PERIODS, SELLERS
from tests.invoicing.test_rated_minus_billed import marts
from tests.invoicing.worlds import House

pytestmark = [pytest.mark.slow, pytest.mark.dbt, pytest.mark.xdist_group("golden_month")]

# What FOCUS 1.2 (Cost and Usage) and 1.4 ask of every dataset; of each column whether it may be null.
COST_AND_USAGE = {
    "BilledCost": False, "BillingAccountId": False, "BillingAccountName": True, "BillingCurrency": False,
    "BillingPeriodEnd": False, "BillingPeriodStart": False, "ChargeCategory": False, "ChargeClass": True,
    "ChargeDescription": True, "ChargePeriodEnd": False, "ChargePeriodStart": False, "ContractedCost": False,
    "EffectiveCost": False, "InvoiceIssuerName": False, "ListCost": False, "PricingQuantity": True,
    "PricingUnit": True, "ProviderName": False, "PublisherName": False, "ServiceCategory": False, "ServiceName": False,
}  # fmt: skip
INVOICE_DETAIL = {
    "BilledCost": False, "BillingAccountId": False, "BillingCurrency": False, "BillingPeriodEnd": False,
    "BillingPeriodStart": False, "ChargeCategory": False, "InvoiceDetailCreated": False,
    "InvoiceDetailDescription": True, "InvoiceDetailGrain": True, "InvoiceDetailId": False,
    "InvoiceDetailLastUpdated": False, "InvoiceId": False, "InvoiceIssueDate": True, "InvoiceIssueStatus": False,
    "InvoiceIssuerName": False, "PaymentCurrency": False, "PaymentDueDate": True, "PaymentTerms": False,
    "ReferenceInvoiceId": False,
}  # fmt: skip
BILLING_PERIOD = {
    "BillingPeriodCreated": False, "BillingPeriodEnd": False, "BillingPeriodLastUpdated": False,
    "BillingPeriodStart": False, "BillingPeriodStatus": False, "InvoiceIssuerName": False,
}  # fmt: skip
DATASET = "focus_cost_and_usage"
DATASETS = {
    "focus_cost_and_usage": COST_AND_USAGE,
    "focus_vendor_cost_and_usage": COST_AND_USAGE,
    "focus_invoice_detail": INVOICE_DETAIL,
    "focus_billing_period": BILLING_PERIOD,
}
ALLOWED = {
    "ChargeCategory": {"Usage", "Purchase", "Tax", "Credit", "Adjustment"},
    "ChargeClass": {"Correction", None},
    "ChargeFrequency": {"One-Time", "Recurring", "Usage-Based"},
    "PricingCategory": {"Standard", "Committed", None},
    "CommitmentDiscountStatus": {"Used", "Unused", None},
    "InvoiceIssueStatus": {"Open", "Issued", "Voided"},
    "BillingPeriodStatus": {"Open", "Closed"},
}


def exported(house: House, dataset: str) -> tuple[list[str], list[dict[str, Any]]]:
    """Columns and rows of the Parquet files beside the warehouse."""
    files = house.home / "warehouse" / "exports" / dataset / "*.parquet"
    found = duckdb.execute(f"select * from read_parquet('{files}')")
    names = [column[0] for column in found.description or ()]
    return names, [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@pytest.mark.parametrize("dataset", DATASETS)
def test_an_export_has_the_columns_and_values_that_focus_asks_for(issued: House, dataset: str) -> None:
    """Fails when a mandatory column is missing, null where it may not be, holds a value the spec does not know, or a
    column of our own does not start with x_."""
    names, found = exported(issued, dataset)
    mandatory = DATASETS[dataset]
    assert found and mandatory.keys() <= set(names)
    assert all(name.startswith("x_") or name[0].isupper() for name in names), names
    for name, may_be_null in mandatory.items():
        assert may_be_null or all(row[name] is not None for row in found), name
    for name, allowed in ALLOWED.items():
        if name in names:
            assert {row[name] for row in found} <= allowed, name
    files = sorted(path.name for path in (issued.home / "warehouse" / "exports" / dataset).iterdir())
    assert files == [f"{period}.parquet" for period in PERIODS]


def test_rules_between_columns_hold(issued: House) -> None:
    """Fails when usage has no quantity and unit, tax has a price, or a unit price does not give the contracted cost."""
    for row in exported(issued, "focus_cost_and_usage")[1]:
        if row["ChargeCategory"] == "Usage" and row["ChargeClass"] is None:
            assert row["ConsumedQuantity"] is not None and row["ConsumedUnit"], row
        if row["ChargeCategory"] == "Tax":
            assert row["PricingCategory"] is row["ContractedUnitPrice"] is row["PricingQuantity"] is None, row
        if row["ContractedUnitPrice"] is not None:
            assert row["ContractedUnitPrice"] * row["PricingQuantity"] == row["ContractedCost"], row
        assert (row["PricingQuantity"] is None) == (row["PricingUnit"] is None), row


def test_exports_sum_to_the_invoices_and_name_the_same_lines(issued: House) -> None:
    """Invariant 2. Fails when an invoice's rows in either dataset miss its total, or the two name other lines."""
    totals = {row["invoice_id"]: row["total_amount"] for row in marts(issued, "select * from fct_invoices")}
    lines = {}
    for dataset, identifier in (
        ("focus_cost_and_usage", "x_InvoiceDetailId"),
        ("focus_invoice_detail", "InvoiceDetailId"),
    ):
        _, found = exported(issued, dataset)
        summed = dict.fromkeys(totals, 0)
        for row in found:
            summed[row["InvoiceId"]] += row["BilledCost"]
        assert summed == totals, dataset
        lines[dataset] = sorted(row[identifier] for row in found)
    assert lines["focus_cost_and_usage"] == lines["focus_invoice_detail"]
    assert len(set(lines["focus_invoice_detail"])) == len(lines["focus_invoice_detail"])


def test_tax_is_one_row_per_category_and_rate_as_the_ledger_has_it(issued: House) -> None:
    """Fails when tax of two rates is one row, a rate is not the one of the issue, or a part of the tax is missing."""
    invoices = [
        invoice["content"]
        for file in sorted((issued.home / "lake" / "ledger").rglob("*.json"))
        for invoice in json.loads(file.read_bytes())["invoices"]
    ]
    issued_taxes = {
        (content["invoice_number"], tax["tax_category"], Decimal(tax["rate"]), Decimal(tax["tax_amount"]))
        for content in invoices
        for tax in content["taxes"]
        if Decimal(tax["tax_amount"])
    }
    # The last run shows what was issued up to February; March's rows are drafts.
    rows = exported(issued, DATASET)[1]
    shown = {number for number, *_ in issued_taxes} & {row["InvoiceId"] for row in rows}
    parts = [
        (row["InvoiceId"], row["x_TaxCategory"], row["x_TaxRate"], row["BilledCost"])
        for row in rows
        if row["ChargeCategory"] == "Tax" and row["InvoiceId"] in shown
    ]
    assert shown and sorted(parts) == sorted(tax for tax in issued_taxes if tax[0] in shown)


def test_corrections_name_the_invoice_they_correct_and_months_their_state(issued: House) -> None:
    """Fails when ReferenceInvoiceId is not the corrected invoice, or a closed month is shown as open."""
    _, found = exported(issued, "focus_invoice_detail")
    references = {row["InvoiceDetailId"]: row["ReferenceInvoiceId"] for row in found}
    corrects = marts(issued, "select line_id, invoice_id, corrects_invoice_id from fct_invoice_lines")
    for row in corrects:
        assert references[row["line_id"]] == (row["corrects_invoice_id"] or row["invoice_id"])
    _, months = exported(issued, "focus_billing_period")
    states = {(row["x_SellerId"], f"{row['BillingPeriodStart']:%Y-%m}"): row["BillingPeriodStatus"] for row in months}
    # The last run was March's: it shows what was issued up to February.
    assert states == {
        (seller, period): "Open" if period == "2026-03" else "Closed" for seller in SELLERS for period in PERIODS
    }


def test_the_vendors_bill_in_focus_sums_to_the_bill(issued: House) -> None:
    """Fails when splitting a commitment's fee adds or loses anything, or lines are exported that are not the bill's."""
    query = "select sum({}) as billed, sum({}) as effective from {}"
    own = marts(issued, query.format("billed_cost", "effective_cost", "fct_cost_and_usage"))
    assert marts(issued, query.format("BilledCost", "EffectiveCost", "focus_vendor_cost_and_usage")) == own
    _, lines = exported(issued, "fct_cost_and_usage")
    assert [{"billed": sum(row["billed_cost"] for row in lines)}] == [{"billed": own[0]["billed"]}]
    folder = Path(issued.home / "warehouse" / "exports" / "fct_cost_and_usage")
    assert len(list(folder.glob("*.parquet"))) == len(PERIODS)
