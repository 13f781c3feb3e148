-- Fails when a month's days do not add up to what its quarter hours hold: usage was lost or doubled by joining owners,
-- zones or days. Compared where the months are UTC months: elsewhere both hold different hours.
{{ config(meta={'dagster': {'ref': {'name': 'int_metering__usage_dated'}}}) }}
with

quarter_hours as (
    select * from {{ in_run(ref('int_metering__quarter_hours')) }}
),

usage_dated as (
    select * from {{ in_run(ref('int_metering__usage_dated')) }}
),

series_metered as (
    select * from {{ in_run(ref('int_metering__series_metered')) }}
),

resources as (
    select * from {{ in_run(ref('int_metering__resources_owned')) }}
),

sources_elsewhere as (
    select distinct resource_id from resources where time_zone <> 'UTC'
),

held as (
    select
        quarter_hours.billing_period,
        series_metered.meter_id,
        cast(sum(quarter_hours.increase) as decimal(38, 12)) as increase
    from quarter_hours
    inner join series_metered
        on
            quarter_hours.billing_period = series_metered.billing_period
            and quarter_hours.subject_kind = series_metered.subject_kind
            and quarter_hours.series = series_metered.series
            and quarter_hours.labels = series_metered.labels
    left join sources_elsewhere on quarter_hours.source = sources_elsewhere.resource_id
    where
        sources_elsewhere.resource_id is null
        and quarter_hours.quarter_starts_at >= quarter_hours.billing_period
        and cast(quarter_hours.quarter_starts_at as date) <= last_day(quarter_hours.billing_period)
    group by quarter_hours.billing_period, series_metered.meter_id
),

metered as (
    select
        usage_dated.billing_period,
        usage_dated.meter_id,
        cast(sum(usage_dated.increase) as decimal(38, 12)) as increase
    from usage_dated
    left join sources_elsewhere on usage_dated.resource_id = sources_elsewhere.resource_id
    where sources_elsewhere.resource_id is null
    group by usage_dated.billing_period, usage_dated.meter_id
)

select
    held.billing_period,
    held.meter_id,
    held.increase,
    metered.increase as metered_increase
from held
left join metered on held.billing_period = metered.billing_period and held.meter_id = metered.meter_id
where held.increase is distinct from coalesce(metered.increase, 0)
