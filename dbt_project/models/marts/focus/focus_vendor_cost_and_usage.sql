-- The vendors' bills in FOCUS 1.2 (Cost and Usage), line by line. A commitment's fee is two rows where part of it went
-- unused: the Purchase carries what is billed, an Unused row what was wasted, so that EffectiveCost of a commitment's Used
-- and Unused rows is what was committed. Both costs sum to the bill's own.
{{ config(meta={
    'line_level': true,
    'row_key': ['x_DeliveryId', 'x_SourceFile', 'x_SourceRow', 'ChargeCategory'],
}) }}

with

bill_lines as (
    select * from {{ ref('fct_cost_and_usage') }}
),

categories as (
    select * from {{ ref('focus_service_categories') }}
),

-- The bill once more: DuckDB writes down a CTE that is read twice, and a line is wide.
fees_unused as (
    select * from {{ ref('fct_cost_and_usage') }}
    where charge_category = 'Purchase' and commitment_discount_id is not null and effective_cost <> 0
),

-- FOCUS wants a list and a contracted cost on every row: what the bill leaves out costs what it was billed at.
lines as (
    select
        *,
        false as is_unused_part,
        billed_cost as billed_amount,
        case
            when charge_category = 'Purchase' and commitment_discount_id is not null then 0 else effective_cost
        end as effective_amount,
        coalesce(contracted_cost, billed_cost) as contracted_amount,
        coalesce(list_cost, contracted_cost, billed_cost) as list_amount
    from bill_lines
    union all
    select
        *,
        true as is_unused_part,
        0 as billed_amount,
        effective_cost as effective_amount,
        0 as contracted_amount,
        0 as list_amount
    from fees_unused
),

focused as (
    select
        lines.billing_period,
        lines.availability_zone as "AvailabilityZone",
        {{ vendor_amount('lines.billed_amount') }} as "BilledCost",
        lines.billing_account_id as "BillingAccountId",
        lines.billing_account_id as "BillingAccountName",
        lines.billing_currency as "BillingCurrency",
        lines.billing_period_end as "BillingPeriodEnd",
        lines.billing_period_start as "BillingPeriodStart",
        case when lines.is_unused_part then 'Usage' else lines.charge_category end as "ChargeCategory",
        lines.charge_class as "ChargeClass",
        lines.charge_description as "ChargeDescription",
        case when lines.is_unused_part then 'Usage-Based' else lines.charge_frequency end as "ChargeFrequency",
        lines.charge_period_end as "ChargePeriodEnd",
        lines.charge_period_start as "ChargePeriodStart",
        lines.commitment_discount_category as "CommitmentDiscountCategory",
        lines.commitment_discount_id as "CommitmentDiscountId",
        case
            when lines.is_unused_part then 'Unused'
            when lines.charge_category = 'Usage' then lines.commitment_discount_status
        end as "CommitmentDiscountStatus",
        lines.commitment_discount_type as "CommitmentDiscountType",
        cast(case when not lines.is_unused_part then lines.consumed_quantity end as decimal(38, 18))
            as "ConsumedQuantity",
        case when not lines.is_unused_part then lines.consumed_unit end as "ConsumedUnit",
        {{ vendor_amount('lines.contracted_amount') }} as "ContractedCost",
        {{ vendor_amount('lines.effective_amount') }} as "EffectiveCost",
        lines.invoice_id as "InvoiceId",
        lines.invoice_issuer_name as "InvoiceIssuerName",
        {{ vendor_amount('lines.list_amount') }} as "ListCost",
        case
            when lines.is_unused_part then 'Committed'
            when lines.charge_category = 'Usage' and lines.commitment_discount_status is not null then 'Committed'
            when lines.charge_category <> 'Tax' then 'Standard'
        end as "PricingCategory",
        cast(case when not lines.is_unused_part then lines.pricing_quantity end as decimal(38, 18)) as "PricingQuantity",
        case when not lines.is_unused_part then lines.pricing_unit end as "PricingUnit",
        lines.provider_name as "ProviderName",
        lines.publisher_name as "PublisherName",
        lines.region_id as "RegionId",
        case when lines.is_unused_part then lines.commitment_discount_id else lines.resource_id end as "ResourceId",
        coalesce(categories.service_category, 'Other') as "ServiceCategory",
        lines.service_name as "ServiceName",
        lines.sku_id as "SkuId",
        lines.sku_price_id as "SkuPriceId",
        lines.sub_account_id as "SubAccountId",
        lines.tags as "Tags",
        lines.delivery_id as "x_DeliveryId",
        lines.x_line_item_type as "x_LineItemType",
        lines.source_file as "x_SourceFile",
        lines.source_row as "x_SourceRow"
    from lines
    left join categories on lines.service_name = categories.service_name
)

select * from focused
