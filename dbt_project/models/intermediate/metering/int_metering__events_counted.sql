-- Delivered events of a month, counted: so that what no meter reads is looked for without reading every event again.
with

events as (
    select * from {{ ref('stg_cloudevents__events') }}
),

months as (
    select * from {{ ref('stg_lake__months') }}
),

counted as (
    select
        billing_period,
        type,
        series_key,
        resource_kind,
        resource_id,
        cast(occurred_at as date) as occurred_on,
        count(*) as events,
        count(value) as numbers
    from events
    where billing_period in (select billing_period from months)
    group by all
)

select * from counted
