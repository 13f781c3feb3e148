-- One row per meter, resource, dimension value and day. Counters add up to their total increase, over days and months.
-- Each series (host, name, labels) of samples is aggregated by itself; the series of one row are then added, and what
-- came as events.
with

usage_dated as (
    select * from {{ ref('int_metering__usage_dated') }}
),

meters as (
    select * from {{ ref('stg_catalog__meters') }}
),

percentiles as (
    select * from {{ ref('int_metering__sample_percentiles') }}
),

event_days as (
    select * from {{ ref('int_metering__event_days') }}
),

{% set days_of_series -%}
    usage_dated.meter_id,
    usage_dated.resource_id,
    usage_dated.dimension_value,
    usage_dated.owner_party_id,
    usage_dated.series,
    usage_dated.labels
{%- endset %}
{% set whole_month = 'partition by usage_dated.billing_period, ' ~ days_of_series %}
{% set so_far -%}
    {{ whole_month }}
    order by usage_dated.usage_date
    rows between unbounded preceding and current row
{%- endset %}

-- The day's value, and the value of the owner's month up to and with that day.
valued as (
    select
        usage_dated.*,
        meters.aggregation,
        meters.unit,
        meters.scale,
        case meters.aggregation
            when 'sum'
                then case meters.sample_type
                    when 'counter' then usage_dated.increase
                    when 'gauge' then usage_dated.value_seconds
                    else usage_dated.total
                end
            when 'count' then cast(usage_dated.sample_count as decimal(38, 12))
            when 'max' then usage_dated.maximum
            when 'last' then usage_dated.last_value
            when 'mean_time_weighted'
                then {{ time_weighted_mean('usage_dated.value_seconds', 'usage_dated.observed_seconds') }}
            when 'p95' then coalesce(percentiles.percentile, 0)
        end as day_value,
        case meters.aggregation
            when 'max' then max(usage_dated.maximum) over ({{ so_far }})
            when 'mean_time_weighted'
                then {{ time_weighted_mean(
                    'cast(sum(usage_dated.value_seconds) over (' ~ so_far ~ ') as decimal(38, 12))',
                    'cast(sum(usage_dated.observed_seconds) over (' ~ whole_month ~ ') as decimal(38, 6))'
                ) }}
        end as running_value
    from usage_dated
    inner join meters on usage_dated.meter_id = meters.meter_id
    left join percentiles
        on usage_dated.billing_period = percentiles.billing_period
        and usage_dated.meter_id = percentiles.meter_id
        and usage_dated.resource_id = percentiles.resource_id
        and usage_dated.dimension_value = percentiles.dimension_value
        and usage_dated.owner_party_id = percentiles.owner_party_id
        and usage_dated.series = percentiles.series
        and usage_dated.labels = percentiles.labels
        and usage_dated.usage_date = percentiles.usage_date
    -- A value held past midnight counts on a day without samples, but only for what is weighted by time.
    where
        usage_dated.sample_count > 0
        or (
            usage_dated.observed_seconds > 0
            and meters.sample_type = 'gauge'
            and meters.aggregation in ('sum', 'mean_time_weighted')
        )
),

-- What a day adds to the month's value: sums and counts their own, a percentile all of it on its last day, the others the
-- change of the value so far.
added as (
    select
        usage_dated.*,
        case
            when aggregation in ('sum', 'count', 'p95') then day_value
            else
                coalesce(case when aggregation = 'last' then day_value else running_value end, 0)
                - coalesce(
                    lag(case when aggregation = 'last' then day_value else running_value end) over (
                        partition by billing_period, {{ days_of_series }}
                        order by usage_date
                    ),
                    0
                )
        end as period_value
    from valued as usage_dated
    where day_value is not null
),

by_series as (
    select
        billing_period,
        meter_id,
        resource_kind,
        resource_id,
        dimension_value,
        usage_date,
        owner_party_id,
        unit,
        scale,
        day_value,
        period_value,
        sample_count,
        gap_seconds
    from added
    union all
    select
        billing_period,
        meter_id,
        resource_kind,
        resource_id,
        dimension_value,
        usage_date,
        owner_party_id,
        unit,
        scale,
        day_value,
        period_value,
        sample_count,
        cast(0 as decimal(38, 6)) as gap_seconds
    from event_days
),

metered as (
    select
        billing_period,
        billing_period as service_period,
        meter_id,
        resource_kind,
        resource_id,
        dimension_value,
        usage_date,
        owner_party_id,
        unit,
        scale,
        cast(sum(day_value) as decimal(38, 12)) as day_value,
        cast(sum(period_value) as decimal(38, 12)) as period_value,
        cast(sum(sample_count) as bigint) as sample_count,
        cast(sum(gap_seconds) as decimal(38, 6)) as gap_seconds
    from by_series
    group by
        billing_period, meter_id, resource_kind, resource_id, dimension_value, usage_date, owner_party_id, unit, scale
),

scaled as (
    select
        billing_period,
        service_period,
        meter_id,
        resource_kind,
        resource_id,
        dimension_value,
        usage_date,
        owner_party_id,
        {{ multiply('day_value', 'scale') }} as quantity,
        {{ multiply('period_value', 'scale') }} as period_quantity,
        unit,
        sample_count,
        gap_seconds
    from metered
)

select * from scaled
