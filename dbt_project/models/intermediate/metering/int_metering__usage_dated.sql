-- Quarter hours of a month added up to days of the final seller's zone, per meter and series.
-- The zone of an instant is that of the final seller to who owns the resource on its UTC day (where nobody does, see
-- int_metering__resources_owned), so that every instant has one zone, one day and one month, also where an owner changes.
-- The owner of a day is who owns the resource on it.
with

quarter_hours as (
    select * from {{ ref('int_metering__quarter_hours') }}
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

resource_kinds as (
    select distinct
        billing_period,
        resource_kind
    from series_metered
),

-- One zone per kind of resource; meters of one kind share the days.
zoned as (
    select
        quarter_hours.*,
        resource_kinds.resource_kind,
        coalesce(resources.time_zone, 'UTC') as time_zone
    from quarter_hours
    inner join resource_kinds
        on quarter_hours.billing_period = resource_kinds.billing_period
        and quarter_hours.subject_kind in ('ANY', resource_kinds.resource_kind)
    left join resources
        on
            quarter_hours.billing_period = resources.billing_period
            and resource_kinds.resource_kind = resources.resource_kind
            and quarter_hours.source = resources.resource_id
            and cast(quarter_hours.quarter_starts_at as date) = resources.owned_on
),

-- A quarter hour outside the month in its zone finds no day here; it finds one in the month before or after.
dated as (
    select
        zoned.billing_period,
        zoned.resource_kind,
        zoned.source,
        zoned.subject_kind,
        zoned.series,
        zoned.labels,
        days.usage_date,
        cast(sum(zoned.increase) as decimal(38, 12)) as increase,
        cast(sum(zoned.value_seconds) as decimal(38, 12)) as value_seconds,
        cast(sum(zoned.observed_seconds) as decimal(38, 6)) as observed_seconds,
        cast(sum(zoned.total) as decimal(38, 12)) as total,
        max(zoned.maximum) as maximum,
        max_by(zoned.last_value, zoned.last_sampled_at) as last_value,
        cast(sum(zoned.sample_count) as bigint) as sample_count,
        cast(sum(zoned.gap_seconds) as decimal(38, 6)) as gap_seconds
    from zoned
    inner join days
        on
            zoned.billing_period = days.billing_period
            and zoned.time_zone = days.time_zone
            and zoned.quarter_starts_at = days.quarter_starts_at
    group by
        zoned.billing_period, zoned.resource_kind, zoned.source, zoned.subject_kind, zoned.series, zoned.labels,
        days.usage_date
),

owned as (
    select
        dated.billing_period,
        series_metered.meter_id,
        dated.resource_kind,
        dated.source as resource_id,
        series_metered.dimension_value,
        dated.series,
        dated.labels,
        dated.usage_date,
        coalesce(resources.owner_party_id, 'unassigned') as owner_party_id,
        dated.increase,
        dated.value_seconds,
        dated.observed_seconds,
        dated.total,
        dated.maximum,
        dated.last_value,
        dated.sample_count,
        dated.gap_seconds
    from dated
    inner join series_metered
        on
            dated.billing_period = series_metered.billing_period
            and dated.resource_kind = series_metered.resource_kind
            and dated.subject_kind = series_metered.subject_kind
            and dated.series = series_metered.series
            and dated.labels = series_metered.labels
    left join resources
        on
            dated.billing_period = resources.billing_period
            and dated.resource_kind = resources.resource_kind
            and dated.source = resources.resource_id
            and dated.usage_date = resources.owned_on
)

select * from owned
