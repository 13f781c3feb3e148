-- Payers of each month's bills: which vendor's they are, and the feed and account of the inbox that delivers them.
with

totals as (
    select * from {{ ref('int_allocation__bill_totaled') }}
),

providers as (
    select * from {{ ref('focus_providers') }}
),

deliveries as (
    select distinct source, delivery_id, account from {{ source('lake', 'delivery_totals') }}
),

billed as (
    select
        totals.billing_period,
        totals.payer_account_id,
        min(totals.source) as source,
        min(coalesce(deliveries.account, totals.payer_account_id)) as account,
        min({{ focus_vendor('providers', 'totals.provider_name') }}) as vendor,
        count(distinct totals.delivery_id) as delivery_count,
        count(distinct {{ focus_vendor('providers', 'totals.provider_name') }}) as vendor_count
    from totals
    left join deliveries
        on totals.source = deliveries.source
        and totals.delivery_id = deliveries.delivery_id
    left join providers on totals.provider_name = providers.provider_name
    group by all
)

select * from billed
