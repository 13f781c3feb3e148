-- Events added up to days: the day's value, and what the day adds to the value of the owner's month. Sums, counts and
-- weighted sums add their own; max, last and unique_count the change of the month's value so far. The 95th percentile
-- (nearest rank over the five minutes in which something happened) belongs to the month and stands on its last day.
-- Events without a number sum up to 0 and are there all the same: a dynamic price reads their data.amount.
with

events as (
    select * from {{ ref('int_metering__events_metered') }}
),

balances as (
    select * from {{ ref('int_metering__event_balances') }}
),

{% set series -%}
    billing_period, meter_id, resource_kind, resource_id, dimension_value, owner_party_id, aggregation, scale, unit
{%- endset %}

-- What only some aggregations read is worked out for their events alone: most events are counted or summed, and to
-- order or weigh 1.5 million of them, too, took eight seconds of nine.
days as (
    select
        {{ series }},
        usage_date,
        cast(sum(value) as decimal(38, 12)) as total,
        max(value) as maximum,
        cast(count(*) as decimal(38, 12)) as event_count,
        {{ time_weighted_mean(
            "cast(sum(case when aggregation = 'weighted_sum' then " ~ multiply('value', 'remaining_seconds')
            ~ ' end) as decimal(38, 12))',
            'max(period_seconds)'
        ) }} as weighted_total
    from events
    group by {{ series }}, usage_date
),

last_values as (
    select
        {{ series }},
        usage_date,
        value as last_value
    from events
    where aggregation = 'last' and value is not null
    qualify row_number() over (partition by {{ series }}, usage_date order by occurred_at desc, record_id desc) = 1
),

first_seen as (
    select
        *,
        row_number() over (partition by {{ series }}, value_text order by occurred_at, record_id) = 1 as is_new_in_month
    from events
    where aggregation = 'unique_count'
),

unique_values as (
    select
        {{ series }},
        usage_date,
        cast(count(distinct value_text) as decimal(38, 12)) as unique_in_day,
        cast(count(case when is_new_in_month then value_text end) as decimal(38, 12)) as new_in_month
    from first_seen
    group by {{ series }}, usage_date
),

buckets as (
    select
        {{ series }},
        {{ five_minutes('occurred_at') }} as bucket_starts_at,
        max(usage_date) as usage_date,
        cast(sum(value) as decimal(38, 12)) as bucket_value
    from events
    where aggregation = 'p95' and value is not null
    group by {{ series }}, {{ five_minutes('occurred_at') }}
),

ranked as (
    select
        *,
        row_number() over (partition by {{ series }} order by bucket_value) as bucket_rank,
        count(*) over (partition by {{ series }}) as bucket_count
    from buckets
),

percentiles as (
    select
        {{ series }},
        max(usage_date) as usage_date,
        min(case when 20 * bucket_rank >= 19 * bucket_count then bucket_value end) as percentile
    from ranked
    group by {{ series }}
),

valued as (
    select
        days.*,
        unique_values.new_in_month,
        case days.aggregation
            when 'sum' then coalesce(days.total, 0)
            when 'count' then days.event_count
            when 'weighted_sum' then days.weighted_total
            when 'max' then days.maximum
            when 'last' then last_values.last_value
            when 'unique_count' then unique_values.unique_in_day
            when 'p95' then coalesce(percentiles.percentile, 0)
        end as day_value,
        case days.aggregation
            when 'max' then max(days.maximum) over (
                partition by {% for name in series.split(', ') %}days.{{ name }}{{ ', ' if not loop.last }}{% endfor %}
                order by days.usage_date
                rows between unbounded preceding and current row
            )
            when 'last' then last_values.last_value
        end as value_so_far
    from days
    left join percentiles
        on days.billing_period = percentiles.billing_period
        and days.meter_id = percentiles.meter_id
        and days.resource_kind = percentiles.resource_kind
        and days.resource_id = percentiles.resource_id
        and days.dimension_value = percentiles.dimension_value
        and days.owner_party_id = percentiles.owner_party_id
        and days.usage_date = percentiles.usage_date
    left join unique_values
        on days.billing_period = unique_values.billing_period
        and days.meter_id = unique_values.meter_id
        and days.resource_kind = unique_values.resource_kind
        and days.resource_id = unique_values.resource_id
        and days.dimension_value = unique_values.dimension_value
        and days.owner_party_id = unique_values.owner_party_id
        and days.usage_date = unique_values.usage_date
    left join last_values
        on days.billing_period = last_values.billing_period
        and days.meter_id = last_values.meter_id
        and days.resource_kind = last_values.resource_kind
        and days.resource_id = last_values.resource_id
        and days.dimension_value = last_values.dimension_value
        and days.owner_party_id = last_values.owner_party_id
        and days.usage_date = last_values.usage_date
),

added as (
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
        cast(day_value as decimal(38, 12)) as day_value,
        cast(
            case
                when aggregation in ('max', 'last')
                    then value_so_far - coalesce(
                        lag(value_so_far) over (partition by {{ series }} order by usage_date), 0
                    )
                when aggregation = 'unique_count' then new_in_month
                else day_value
            end as decimal(38, 12)
        ) as period_value,
        cast(event_count as bigint) as sample_count
    from valued
    where day_value is not null
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
        balance as day_value,
        balance as period_value,
        cast(0 as bigint) as sample_count
    from balances
)

select * from added
