-- The 95th percentile of a series' month: nearest rank over the five minutes in which it was heard, on the last day heard.
-- Five minutes are worth what a counter rose by, what deltas add up to, or the mean of a gauge's samples. Zone, day and
-- owner by the same rules as all samples (int_metering__usage_dated).
with

grouped as (
    select * from {{ ref('int_metering__quarter_hours') }}
),

meters as (
    select * from {{ ref('stg_catalog__meters') }}
    where aggregation = 'p95'
),

series_metered as (
    select * from {{ ref('int_metering__series_metered') }}
),

resources as (
    select * from {{ ref('int_metering__resources_owned') }}
),

days as (
    select * from {{ ref('int_metering__days') }}
),

buckets as (
    select
        grouped.billing_period,
        series_metered.meter_id,
        series_metered.resource_kind,
        grouped.source as resource_id,
        series_metered.dimension_value,
        grouped.series,
        grouped.labels,
        grouped.quarter_starts_at,
        case meters.sample_type
            when 'counter' then grouped.increase
            when 'gauge'
                then {{ time_weighted_mean('grouped.total', 'cast(grouped.sample_count as decimal(38, 6))') }}
            else grouped.total
        end as bucket_value
    from grouped
    inner join series_metered
        on grouped.billing_period = series_metered.billing_period
        and grouped.subject_kind = series_metered.subject_kind
        and grouped.series = series_metered.series
        and grouped.labels = series_metered.labels
    inner join meters on series_metered.meter_id = meters.meter_id
    where grouped.sample_count > 0
),

dated as (
    select
        buckets.*,
        days.usage_date
    from buckets
    left join resources
        on buckets.billing_period = resources.billing_period
        and buckets.resource_kind = resources.resource_kind
        and buckets.resource_id = resources.resource_id
        and cast(buckets.quarter_starts_at as date) = resources.owned_on
    inner join days
        on buckets.billing_period = days.billing_period
        and coalesce(resources.time_zone, 'UTC') = days.time_zone
        and buckets.quarter_starts_at = days.quarter_starts_at
),

owned as (
    select
        dated.*,
        coalesce(resources.owner_party_id, 'unassigned') as owner_party_id
    from dated
    left join resources
        on dated.billing_period = resources.billing_period
        and dated.resource_kind = resources.resource_kind
        and dated.resource_id = resources.resource_id
        and dated.usage_date = resources.owned_on
),

{% set series = 'billing_period, meter_id, resource_id, dimension_value, owner_party_id, series, labels' %}

ranked as (
    select
        *,
        row_number() over (partition by {{ series }} order by bucket_value) as bucket_rank,
        count(*) over (partition by {{ series }}) as bucket_count
    from owned
),

percentiles as (
    select
        {{ series }},
        max(usage_date) as usage_date,
        min(case when 20 * bucket_rank >= 19 * bucket_count then bucket_value end) as percentile
    from ranked
    group by {{ series }}
)

select * from percentiles
