-- Everything that an invoice asks money for, one row per line and one per tax category and rate of its tax (the VAT
-- breakdown of EN 16931, BG-23), with what is known of the charge behind it.
with

lines_described as (
    select * from {{ ref('int_rating__lines_described') }}
),

invoices as (
    select * from {{ ref('fct_invoices') }}
),

draft_taxes as (
    select * from {{ ref('int_rating__taxes_computed') }}
),

issued_taxes as (
    select * from {{ source('lake', 'ledger_invoice_taxes') }}
),

account_costs as (
    select * from {{ ref('fct_account_costs') }}
),

plan_charges as (
    select * from {{ ref('stg_catalog__plan_charges') }}
),

plans as (
    select plan_id, name as plan_name from {{ ref('stg_catalog__plans') }}
),

meters as (
    select meter_id, unit from {{ ref('stg_catalog__meters') }}
),

vendor_units as (
    select
        billing_period,
        vendor,
        coalesce(sub_account_id, payer_account_id) as account_id,
        service_name,
        sku_id,
        charge_category,
        min(pricing_unit) as pricing_unit
    from account_costs
    group by all
),

plan_units as (
    select
        plan_charges.charge_id,
        min(plans.plan_name) as plan_name,
        min(case when plan_charges.charge_type = 'usage' then meters.unit else 'Units' end) as unit
    from plan_charges
    left join plans on plan_charges.plan_id = plans.plan_id
    left join meters on plan_charges.meter_id = meters.meter_id
    group by plan_charges.charge_id
),

tax_parts as (
    select invoice_id, tax_category, kind, rate, tax_amount from draft_taxes where tax_amount <> 0
    union all
    select invoice_id, tax_category, kind, rate, tax_amount from issued_taxes where tax_amount <> 0
),

taxes as (
    select
        invoices.billing_period,
        invoices.invoice_id,
        invoices.invoice_id || '/tax/' || cast(
            row_number() over (
                partition by invoices.invoice_id order by tax_parts.tax_category, tax_parts.kind, tax_parts.rate
            ) as varchar
        ) as item_id,
        true as is_tax,
        invoices.agreement_id,
        invoices.seller_id,
        invoices.buyer_id,
        invoices.invoice_period as service_period,
        invoices.agreement_id || '/tax/' || tax_parts.tax_category as charge_key,
        'Tax' as description,
        cast(null as decimal(38, 12)) as quantity,
        cast(null as decimal(38, 12)) as unit_price,
        {{ money('tax_parts.tax_amount') }} as exact_amount,
        tax_parts.tax_amount as amount,
        invoices.currency,
        tax_parts.tax_category,
        tax_parts.rate as tax_rate,
        cast(null as varchar) as charge_class,
        cast(null as varchar) as corrects_line_id,
        cast(null as varchar) as corrects_invoice_id,
        cast(null as date) as charge_period_start,
        cast(null as date) as charge_period_end,
        cast(null as varchar) as payer_account_id,
        cast(null as varchar) as vendor,
        cast(null as varchar) as account_id,
        cast(null as varchar) as service_name,
        cast(null as varchar) as sku_id,
        cast(null as varchar) as vendor_charge_category,
        cast(null as varchar) as subscription_id,
        cast(null as varchar) as charge_id,
        'tax' as component
    from tax_parts
    inner join invoices on tax_parts.invoice_id = invoices.invoice_id
),

items as (
    select * from lines_described
    union all
    select * from taxes
),

categorized as (
    select
        items.* exclude (charge_period_start, charge_period_end, service_name),
        coalesce(items.charge_period_start, items.service_period) as charge_period_start,
        coalesce(items.charge_period_end, {{ add_months('items.service_period', 1) }}) as charge_period_end,
        coalesce(items.service_name, plan_units.plan_name, items.description) as service_name,
        coalesce(vendor_units.pricing_unit, plan_units.unit) as pricing_unit,
        case
            when items.component = 'cloud' then items.vendor_charge_category
            when items.is_tax then 'Tax'
            when items.component in ('recurring', 'one_time') then 'Purchase'
            when items.component in ('prepaid', 'adjustment') then 'Credit'
            when items.component in ('discount', 'maximum', 'rounding', 'fx') then 'Adjustment'
            else 'Usage'
        end as charge_category,
        case
            when items.component = 'recurring' then 'Recurring'
            when items.component in ('usage', 'included', 'free', 'tier_fee') then 'Usage-Based'
            when items.component = 'cloud' and items.vendor_charge_category = 'Usage' then 'Usage-Based'
            when items.component = 'cloud' and items.vendor_charge_category = 'Purchase' then 'Recurring'
            else 'One-Time'
        end as charge_frequency,
        invoices.status as invoice_status,
        invoices.document_type,
        invoices.refers_to,
        invoices.issued_at,
        invoices.due_date,
        invoices.payment_terms_days
    from items
    inner join invoices on items.invoice_id = invoices.invoice_id
    left join vendor_units
        on items.service_period = vendor_units.billing_period
        and case when items.component = 'cloud' then items.vendor end = vendor_units.vendor
        and items.account_id = vendor_units.account_id
        and items.service_name = vendor_units.service_name
        and items.sku_id = vendor_units.sku_id
        and items.vendor_charge_category = vendor_units.charge_category
    left join plan_units on items.charge_id = plan_units.charge_id
)

select * from categorized
