-- The first month this house bills: the first that was ever made here, and none before the first it may run, or the first
-- that anything was delivered for. A charge in advance is due a month early, but never before it: an invoice that no one
-- drafts would lose the charge.
with

calendar as (
    select * from {{ source('lake', 'months') }}
),

first_delivered as (
    select * from {{ source('lake', 'first_delivered') }}
),

months_begun as (
    select * from {{ source('lake', 'months_begun') }}
),

bounds as (
    select min(billing_period) as first_period from calendar where time_zone = 'UTC'
    union all
    select billing_period as first_period from first_delivered
    union all
    select min(billing_period) as first_period from months_begun
),

first_period as (
    select max(first_period) as first_period from bounds
)

select * from first_period
