"""The columns of AWS bills and how each spelling of the report names them. Files are `cur_files.py`."""

from __future__ import annotations

# CUR 2.0 name -> legacy CSV name. The legacy Parquet name is the CUR 2.0 one but for LEGACY_PARQUET.
LEGACY_CSV = {
    "identity_line_item_id": "identity/LineItemId",
    "identity_time_interval": "identity/TimeInterval",
    "bill_invoice_id": "bill/InvoiceId",
    "bill_billing_entity": "bill/BillingEntity",
    "bill_bill_type": "bill/BillType",
    "bill_payer_account_id": "bill/PayerAccountId",
    "bill_billing_period_start_date": "bill/BillingPeriodStartDate",
    "bill_billing_period_end_date": "bill/BillingPeriodEndDate",
    "line_item_usage_account_id": "lineItem/UsageAccountId",
    "line_item_line_item_type": "lineItem/LineItemType",
    "line_item_usage_start_date": "lineItem/UsageStartDate",
    "line_item_usage_end_date": "lineItem/UsageEndDate",
    "line_item_product_code": "lineItem/ProductCode",
    "line_item_usage_type": "lineItem/UsageType",
    "line_item_operation": "lineItem/Operation",
    "line_item_availability_zone": "lineItem/AvailabilityZone",
    "line_item_resource_id": "lineItem/ResourceId",
    "line_item_usage_amount": "lineItem/UsageAmount",
    "line_item_normalization_factor": "lineItem/NormalizationFactor",
    "line_item_currency_code": "lineItem/CurrencyCode",
    "line_item_unblended_rate": "lineItem/UnblendedRate",
    "line_item_unblended_cost": "lineItem/UnblendedCost",
    "line_item_blended_cost": "lineItem/BlendedCost",
    "line_item_net_unblended_cost": "lineItem/NetUnblendedCost",
    "line_item_line_item_description": "lineItem/LineItemDescription",
    "line_item_legal_entity": "lineItem/LegalEntity",
    "line_item_tax_type": "lineItem/TaxType",
    "pricing_public_on_demand_cost": "pricing/publicOnDemandCost",
    "pricing_public_on_demand_rate": "pricing/publicOnDemandRate",
    "pricing_unit": "pricing/unit",
    "pricing_term": "pricing/term",
    "pricing_rate_id": "pricing/RateId",
    "pricing_currency": "pricing/currency",
    "product_product_name": "product/ProductName",
    "product_servicecode": "product/servicecode",
    "product_sku": "product/sku",
    "product_product_family": "product/productFamily",
    "product_region_code": "product/region",
    "product_instance_type": "product/instanceType",
    "reservation_reservation_a_r_n": "reservation/ReservationARN",
    "reservation_effective_cost": "reservation/EffectiveCost",
    "reservation_amortized_upfront_cost_for_usage": "reservation/AmortizedUpfrontCostForUsage",
    "reservation_recurring_fee_for_usage": "reservation/RecurringFeeForUsage",
    "reservation_unused_amortized_upfront_fee_for_billing_period": (
        "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod"
    ),
    "reservation_unused_recurring_fee": "reservation/UnusedRecurringFee",
    "reservation_unused_quantity": "reservation/UnusedQuantity",
    "reservation_subscription_id": "reservation/SubscriptionId",
    "reservation_upfront_value": "reservation/UpfrontValue",
    "reservation_net_effective_cost": "reservation/NetEffectiveCost",
    "reservation_net_unused_amortized_upfront_fee_for_billing_period": (
        "reservation/NetUnusedAmortizedUpfrontFeeForBillingPeriod"
    ),
    "reservation_net_unused_recurring_fee": "reservation/NetUnusedRecurringFee",
    "savings_plan_savings_plan_a_r_n": "savingsPlan/SavingsPlanARN",
    "savings_plan_savings_plan_effective_cost": "savingsPlan/SavingsPlanEffectiveCost",
    "savings_plan_savings_plan_rate": "savingsPlan/SavingsPlanRate",
    "savings_plan_total_commitment_to_date": "savingsPlan/TotalCommitmentToDate",
    "savings_plan_used_commitment": "savingsPlan/UsedCommitment",
    "savings_plan_recurring_commitment_for_billing_period": "savingsPlan/RecurringCommitmentForBillingPeriod",
    "savings_plan_amortized_upfront_commitment_for_billing_period": (
        "savingsPlan/AmortizedUpfrontCommitmentForBillingPeriod"
    ),
    "savings_plan_net_savings_plan_effective_cost": "savingsPlan/NetSavingsPlanEffectiveCost",
    "split_line_item_parent_resource_id": "splitLineItem/ParentResourceId",
    "split_line_item_split_cost": "splitLineItem/SplitCost",
    "split_line_item_unused_cost": "splitLineItem/UnusedCost",
}
LEGACY_PARQUET = {"product_region_code": "product_region"}
# Columns a bill has only where a line fills them.
OPTIONAL = tuple(name for name in LEGACY_CSV if "_net_" in name or name.startswith("split_"))
TEXT_RATES = {"line_item_unblended_rate", "pricing_public_on_demand_rate"}
# "commitment to date" is an amount.
TIMESTAMPS = {name for name in LEGACY_CSV if name.endswith("_date") and not name.endswith("_to_date")}
NUMBERS = {
    name
    for name in LEGACY_CSV
    if name not in TEXT_RATES
    and (
        name.endswith(("_cost", "_amount", "_factor", "_rate", "_value", "_quantity", "_fee", "_commitment"))
        or "_for_" in name
        or name.endswith("_to_date")
    )
}
