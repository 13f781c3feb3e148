-- Payers of each month's bills and whose they are. Of the deliveries it reads nothing: where a bill comes from is
-- int_rating__payers_delivered.
with

totals as (
    select * from {{ ref('int_allocation__bill_totaled') }}
),

providers as (
    select * from {{ ref('focus_providers') }}
),

named as (
    select totals.*, {{ focus_vendor('providers', 'totals.provider_name') }} as vendor
    from totals
    left join providers on totals.provider_name = providers.provider_name
),

billed as (
    select
        billing_period,
        payer_account_id,
        min(vendor) as vendor,
        count(distinct delivery_id) as delivery_count,
        count(distinct vendor) as vendor_count
    from named
    group by all
)

select * from billed
