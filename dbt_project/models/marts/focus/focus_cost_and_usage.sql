-- The sellers' own bills in FOCUS 1.2 (Cost and Usage): one row per invoice line, and one per invoice, tax category and
-- rate for its tax, draft or issued. BilledCost sums to each invoice's total. Each buyer's rows are those of its BillingAccountId.
{{ config(meta={'row_key': ['x_InvoiceDetailId']}) }}

with

items as (
    select * from {{ ref('int_rating__invoice_items_described') }}
),

parties as (
    select party_id, name from {{ ref('stg_catalog__parties') }}
),

categories as (
    select * from {{ ref('focus_service_categories') }}
),

focused as (
    select
        items.billing_period,
        {{ money('items.amount') }} as "BilledCost",
        items.buyer_id as "BillingAccountId",
        coalesce(buyers.name, items.buyer_id) as "BillingAccountName",
        items.currency as "BillingCurrency",
        cast({{ add_months('items.billing_period', 1) }} as timestamp) as "BillingPeriodEnd",
        cast(items.billing_period as timestamp) as "BillingPeriodStart",
        items.charge_category as "ChargeCategory",
        items.charge_class as "ChargeClass",
        items.description as "ChargeDescription",
        items.charge_frequency as "ChargeFrequency",
        cast(items.charge_period_end as timestamp) as "ChargePeriodEnd",
        cast(items.charge_period_start as timestamp) as "ChargePeriodStart",
        case when items.charge_category = 'Usage' then items.quantity end as "ConsumedQuantity",
        case when items.charge_category = 'Usage' and items.quantity is not null then coalesce(items.pricing_unit, 'Units') end
            as "ConsumedUnit",
        items.exact_amount as "ContractedCost",
        items.unit_price as "ContractedUnitPrice",
        -- What a seller invoices is the cost of its buyer: commitments are amortised by the cost view the edge is sold in.
        {{ money('items.amount') }} as "EffectiveCost",
        items.invoice_id as "InvoiceId",
        coalesce(sellers.name, items.seller_id) as "InvoiceIssuerName",
        items.exact_amount as "ListCost",
        case when items.quantity is not null then 'Standard' end as "PricingCategory",
        items.quantity as "PricingQuantity",
        case when items.quantity is not null then coalesce(items.pricing_unit, 'Units') end as "PricingUnit",
        coalesce(vendors.name, items.vendor, sellers.name, items.seller_id) as "ProviderName",
        coalesce(vendors.name, items.vendor, sellers.name, items.seller_id) as "PublisherName",
        coalesce(categories.service_category, 'Other') as "ServiceCategory",
        items.service_name as "ServiceName",
        coalesce(items.sku_id, items.charge_id) as "SkuId",
        coalesce(items.account_id, items.subscription_id) as "SubAccountId",
        items.agreement_id as "x_AgreementId",
        items.charge_key as "x_ChargeKey",
        items.corrects_line_id as "x_CorrectedInvoiceDetailId",
        items.item_id as "x_InvoiceDetailId",
        items.invoice_status as "x_InvoiceStatus",
        items.seller_id as "x_SellerId",
        items.service_period as "x_ServicePeriod",
        items.tax_category as "x_TaxCategory",
        items.tax_rate as "x_TaxRate"
    from items
    left join parties as sellers on items.seller_id = sellers.party_id
    left join parties as buyers on items.buyer_id = buyers.party_id
    left join parties as vendors on items.vendor = vendors.party_id
    left join categories on items.service_name = categories.service_name
)

select * from focused
