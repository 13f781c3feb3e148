-- Fails when an API event is not counted exactly once by each meter that counts requests without a filter, by
-- application, by provider or by consumer: the three ways would sum to different numbers. Months of different zones are
-- compared where they agree: from 12 hours after a UTC month's start to 14 hours before its end. At a month's edges one
-- event may stand in two months only if it is not counted at all or twice, which the second half would show.
{{ config(meta={'dagster': {'ref': {'name': 'fct_api_usage'}}}) }}
with

meters as (
    select * from {{ ref('stg_catalog__meters') }} as every_meter
    where
        {{ reads_api_events('every_meter') }}
        and {{ series_key('every_meter.series') }} = 'wso2_requests'
        and trim(coalesce(every_meter.filter, '')) = ''
),

events as (
    select * from {{ in_run(ref('stg_wso2__events')) }}
    where
        occurred_at >= {{ dbt.dateadd('hour', 12, 'cast(billing_period as timestamp)') }}
        and occurred_at < {{ dbt.dateadd('hour', -14, 'cast(' ~ add_months('billing_period', 1) ~ ' as timestamp)') }}
),

metered as (
    select * from {{ in_run(ref('int_metering__events_metered')) }}
    where meter_id in (select meter_id from meters)
),

-- An event near a month's edge may stand in the month beside it too.
metered_nearby as (
    select * from {{ in_run(ref('int_metering__events_metered'), months_around=1) }}
    where meter_id in (select meter_id from meters)
),

months as (
    select billing_period from {{ in_run(ref('fct_api_usage')) }}
    union
    select billing_period from metered
),

delivered_counts as (
    select
        meters.meter_id,
        events.billing_period,
        count(*) as events
    from events
    inner join months on events.billing_period = months.billing_period
    inner join meters on true
    group by meters.meter_id, events.billing_period
),

metered_counts as (
    select
        meter_id,
        billing_period,
        count(*) as events
    from metered
    where
        api_id is not null
        and occurred_at >= {{ dbt.dateadd('hour', 12, 'cast(billing_period as timestamp)') }}
        and occurred_at < {{ dbt.dateadd('hour', -14, 'cast(' ~ add_months('billing_period', 1) ~ ' as timestamp)') }}
    group by meter_id, billing_period
),

counted_twice as (
    select
        meter_id,
        max(billing_period) as billing_period,
        count(*) as events
    from metered_nearby
    where api_id is not null
    group by meter_id, record_id
    having count(*) > 1
)

select
    coalesce(delivered_counts.meter_id, metered_counts.meter_id) as meter_id,
    coalesce(delivered_counts.billing_period, metered_counts.billing_period) as billing_period,
    delivered_counts.events as delivered_events,
    metered_counts.events as metered_events
from delivered_counts
full outer join metered_counts
    on delivered_counts.meter_id = metered_counts.meter_id
    and delivered_counts.billing_period = metered_counts.billing_period
where delivered_counts.events is distinct from metered_counts.events
union all
select
    meter_id,
    billing_period,
    1 as delivered_events,
    events as metered_events
from counted_twice
