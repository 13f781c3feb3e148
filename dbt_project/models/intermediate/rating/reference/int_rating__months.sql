{{ config(event_time='billing_period') }}
-- The months that can be run. It has a month of its own (event_time), so a monthly model that reads it works on its
-- own month even where no usage and no cost arrived: recurring charges need no delivery.
with

calendar as (
    select * from {{ source('lake', 'months') }}
),

months as (
    select
        billing_period,
        {{ add_months('billing_period', 1) }} as next_period
    from calendar
    where time_zone = 'UTC'
)

select * from months
