-- Months of every time zone in use, with their UTC bounds. Has an event time: a monthly model sees its own month only.
with

months as (
    select * from {{ source('lake', 'months') }}
),

bounded as (
    select
        time_zone,
        billing_period,
        starts_at,
        ends_at
    from months
)

select * from bounded
