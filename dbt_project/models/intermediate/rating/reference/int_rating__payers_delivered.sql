-- Where in the inbox each month's payers come from: the feed, and the account of the delivery that holds them.
with

totals as (
    select * from {{ ref('int_allocation__bill_totaled') }}
),

deliveries as (
    select distinct source, delivery_id, account from {{ source('lake', 'delivery_totals') }}
),

delivered as (
    select
        totals.billing_period,
        totals.payer_account_id,
        min(totals.source) as source,
        min(coalesce(deliveries.account, totals.payer_account_id)) as account
    from totals
    left join deliveries
        on totals.source = deliveries.source
        and totals.delivery_id = deliveries.delivery_id
    group by all
)

select * from delivered
