-- Every line of an invoice with what is known of the charge behind it. A line whose charge is not rated any more (an
-- account that moved away) is described by its key.
with

lines as (
    select * from {{ ref('fct_invoice_lines') }}
),

charges as (
    select * from {{ ref('fct_rated_charges') }}
),

charges_by_key as (
    select
        service_period,
        agreement_id,
        charge_key,
        min(charge_period_start) as charge_period_start,
        max(charge_period_end) as charge_period_end,
        min(vendor) as vendor,
        min(payer_account_id) as payer_account_id,
        min(account_id) as account_id,
        min(service_name) as service_name,
        min(sku_id) as sku_id,
        min(charge_category) as charge_category,
        min(subscription_id) as subscription_id,
        min(charge_id) as charge_id,
        min(component) as component
    from charges
    where not is_vendor_edge
    group by service_period, agreement_id, charge_key
),

-- A cloud key is vendor/account/service/SKU/category and ends with a category of FOCUS; every other key has three parts.
keyed as (
    select
        lines.*,
        {{ dbt.split_part('lines.charge_key', "'/'", 5) }} <> ''
        and {{ dbt.split_part('lines.charge_key', "'/'", -1) }}
        in ('Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment') as is_cloud_key
    from lines
),

described as (
    select
        keyed.billing_period,
        keyed.invoice_id,
        keyed.line_id as item_id,
        false as is_tax,
        keyed.agreement_id,
        keyed.seller_id,
        keyed.buyer_id,
        keyed.service_period,
        keyed.charge_key,
        keyed.description,
        keyed.quantity,
        keyed.unit_price,
        keyed.exact_amount,
        keyed.amount,
        keyed.currency,
        keyed.tax_category,
        cast(null as decimal(38, 12)) as tax_rate,
        keyed.charge_class,
        keyed.corrects_line_id,
        keyed.corrects_invoice_id,
        charges_by_key.charge_period_start,
        charges_by_key.charge_period_end,
        charges_by_key.payer_account_id,
        coalesce(
            charges_by_key.vendor, case when keyed.is_cloud_key then {{ dbt.split_part('keyed.charge_key', "'/'", 1) }} end
        ) as vendor,
        coalesce(
            charges_by_key.account_id,
            case when keyed.is_cloud_key then {{ dbt.split_part('keyed.charge_key', "'/'", 2) }} end
        ) as account_id,
        coalesce(
            charges_by_key.service_name,
            case when keyed.is_cloud_key then {{ dbt.split_part('keyed.charge_key', "'/'", 3) }} end
        ) as service_name,
        charges_by_key.sku_id,
        coalesce(
            charges_by_key.charge_category,
            case when keyed.is_cloud_key then {{ dbt.split_part('keyed.charge_key', "'/'", -1) }} end
        ) as vendor_charge_category,
        coalesce(
            charges_by_key.subscription_id,
            case when not keyed.is_cloud_key then {{ dbt.split_part('keyed.charge_key', "'/'", 1) }} end
        ) as subscription_id,
        charges_by_key.charge_id,
        case
            when keyed.charge_key like '%/rounding/%' and not keyed.is_cloud_key then 'rounding'
            when keyed.is_cloud_key then 'cloud'
            else coalesce(charges_by_key.component, {{ dbt.split_part('keyed.charge_key', "'/'", 3) }})
        end as component
    from keyed
    left join charges_by_key
        on keyed.service_period = charges_by_key.service_period
        and keyed.agreement_id = charges_by_key.agreement_id
        and keyed.charge_key = charges_by_key.charge_key
)

select * from described
