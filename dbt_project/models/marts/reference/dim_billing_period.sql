-- One row per selling party and month in which anything was delivered or closed. Closed is what the ledger says.
{{ config(materialized='view') }}
with

agreements as (
    select * from {{ ref('stg_catalog__agreements') }}
),

deliveries as (
    select * from {{ source('lake', 'deliveries') }}
),

closes as (
    select * from {{ source('lake', 'ledger_closes') }}
),

sellers as (
    select seller_id from agreements
    union distinct
    select seller_id from closes
),

-- Of edge landings the month of their samples, of bills the billing period; the catalog has none.
billing_periods as (
    select billing_period from deliveries where billing_period is not null
    union distinct
    select billing_period from closes
),

closed as (
    select
        seller_id,
        billing_period,
        max(closed_at) as closed_at,
        max_by(inputs_hash, closed_at) as inputs_hash
    from closes
    group by seller_id, billing_period
),

billed as (
    select
        sellers.seller_id,
        billing_periods.billing_period,
        billing_periods.billing_period as period,
        case when closed.closed_at is null then 'open' else 'closed' end as status,
        closed.closed_at,
        closed.inputs_hash
    from sellers
    cross join billing_periods
    left join closed
        on sellers.seller_id = closed.seller_id and billing_periods.billing_period = closed.billing_period
)

select * from billed
