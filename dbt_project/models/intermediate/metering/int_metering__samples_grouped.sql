-- What the samples of a series add up to in a quarter hour, whatever meters will read it; what the quarter hour before
-- held over stands in a row of its own. The first table of metering. Whole days of any zone are sums of quarter hours
-- (int_metering__days). A month holds the quarter hours of its longest reach over all zones, so the hours around its
-- ends stand in two months. A series that a 95th percentile is taken of is added up by the five minutes of each quarter.
{{ config(
    materialized='incremental',
    incremental_strategy='microbatch',
    batch_size='month',
    begin='2018-01-01',
    lookback=0,
    on_schema_change='fail',
) }}
with

months as (
    select * from {{ ref('stg_lake__months') }}
),

meters as (
    select * from {{ ref('stg_catalog__meters') }}
),

-- Not stg_edge__samples: what a month does not need has to go before duplicates are taken out. This model takes 10
-- seconds for 10 million samples of a month after 10 million earlier ones; through the staging view it took 33.
-- Imported once per use: DuckDB writes a step that is read twice to memory, here every sample there ever was.
delivered_ever as (
    select * from {{ ref('int_metering__samples_told') }}
),

delivered_around_month as (
    select * from {{ ref('int_metering__samples_told') }}
),

delivered_last as (
    select * from {{ ref('int_metering__samples_told') }}
),

reaches as (
    select
        billing_period,
        min(starts_at) as starts_at,
        max(ends_at) as ends_at
    from months
    group by billing_period
),

-- Zones are at most 14 hours off, so the neighbouring UTC months hold every sample within reach. The equal join lets
-- the reader skip the files of all others.
neighbouring_months as (
    select billing_period, starts_at, ends_at, billing_period as sampled_period from reaches
    union all
    select
        billing_period,
        starts_at,
        ends_at,
        cast({{ dbt.dateadd('month', -1, 'billing_period') }} as date) as sampled_period
    from reaches
    union all
    select
        billing_period,
        starts_at,
        ends_at,
        cast({{ dbt.dateadd('month', 1, 'billing_period') }} as date) as sampled_period
    from reaches
),

metered_series as (
    select
        {{ series_key('series') }} as series_key,
        max(case when sample_type = 'counter' then 1 else 0 end) as is_counter,
        max(case when sample_type = 'gauge' then 1 else 0 end) as is_gauge,
        max(case when aggregation = 'p95' then 1 else 0 end) as is_bucketed,
        max(wrap_at) as wrap_at
    from meters
    group by {{ series_key('series') }}
),

-- Every series heard so far, with its last sample before the month: the only earlier one that matters.
series_heard as (
    select
        reaches.billing_period,
        delivered_ever.source,
        delivered_ever.subject_kind,
        delivered_ever.series,
        delivered_ever.labels,
        metered_series.is_counter,
        metered_series.is_gauge,
        metered_series.is_bucketed,
        metered_series.wrap_at,
        max(
            case when delivered_ever.sampled_at < reaches.starts_at then delivered_ever.sampled_at end
        ) as last_sampled_before
    from delivered_ever
    inner join metered_series on {{ series_key('delivered_ever.series') }} = metered_series.series_key
    inner join reaches on delivered_ever.sampled_at < reaches.ends_at
    where delivered_ever.value is not null
    group by
        reaches.billing_period,
        delivered_ever.source,
        delivered_ever.subject_kind,
        delivered_ever.series,
        delivered_ever.labels,
        metered_series.is_counter,
        metered_series.is_gauge,
        metered_series.is_bucketed,
        metered_series.wrap_at
),

-- A whole number in place of four texts: sorting 10 million samples by it costs a tenth. It never leaves this query.
series_numbered as (
    select
        *,
        row_number() over (order by billing_period, source, subject_kind, series, labels) as series_number
    from series_heard
),

samples_needed as (
    select
        series_numbered.series_number,
        delivered_around_month.sampled_at,
        {{ kept_value('delivered_around_month.value') }} as value
    from delivered_around_month
    inner join neighbouring_months
        on
            delivered_around_month.billing_period = neighbouring_months.sampled_period
            and delivered_around_month.sampled_at >= neighbouring_months.starts_at
            and delivered_around_month.sampled_at < neighbouring_months.ends_at
    inner join series_numbered
        on
            delivered_around_month.source = series_numbered.source
            and delivered_around_month.subject_kind = series_numbered.subject_kind
            and delivered_around_month.series = series_numbered.series
            and delivered_around_month.labels = series_numbered.labels
            and neighbouring_months.billing_period = series_numbered.billing_period
    where delivered_around_month.value is not null
    group by series_numbered.series_number, delivered_around_month.sampled_at
    union all
    select
        series_numbered.series_number,
        delivered_last.sampled_at,
        {{ kept_value('delivered_last.value') }} as value
    from delivered_last
    inner join series_numbered
        on
            delivered_last.sampled_at = series_numbered.last_sampled_before
            and delivered_last.source = series_numbered.source
            and delivered_last.subject_kind = series_numbered.subject_kind
            and delivered_last.series = series_numbered.series
            and delivered_last.labels = series_numbered.labels
    where delivered_last.value is not null
    group by series_numbered.series_number, delivered_last.sampled_at
),

{% set samples_of_series = 'partition by samples_needed.series_number order by samples_needed.sampled_at' %}
samples_in_time_order as (
    select
        samples_needed.series_number,
        samples_needed.sampled_at,
        samples_needed.value,
        lag(samples_needed.sampled_at) over ({{ samples_of_series }}) as previous_sampled_at,
        lag(samples_needed.value) over ({{ samples_of_series }}) as previous_value,
        lead(samples_needed.sampled_at) over ({{ samples_of_series }}) as next_sampled_at,
        {{ quarter_hour('samples_needed.sampled_at') }} as quarter_starts_at
    from samples_needed
),

-- How long each value holds, and how much of that lies past the end of its quarter hour (at most one end is passed).
samples_held as (
    select
        samples_in_time_order.*,
        series_numbered.is_counter,
        series_numbered.is_gauge,
        series_numbered.wrap_at,
        case
            when series_numbered.is_bucketed = 1 then {{ five_minutes('sampled_at') }} else quarter_starts_at
        end as bucket_starts_at,
        case
            when next_sampled_at < sampled_at + interval '{{ staleness_seconds() }} seconds' then next_sampled_at
            else sampled_at + interval '{{ staleness_seconds() }} seconds'
        end as held_until,
        quarter_starts_at + interval '15 minutes' as quarter_ends_at
    from samples_in_time_order
    inner join series_numbered on samples_in_time_order.series_number = series_numbered.series_number
),

-- A drop is a reset and adds the new value; of a counter that starts over at a known value (wrap_at), a drop by at least
-- half of that is the counter going on through it.
samples_measured as (
    select
        series_number,
        quarter_starts_at,
        bucket_starts_at,
        sampled_at,
        value,
        case
            when is_counter = 0 or previous_value is null then 0
            when value >= previous_value then value - previous_value
            when previous_value < wrap_at and value >= 0 and 2 * (previous_value - value) >= wrap_at
                then wrap_at - previous_value + value
            else greatest(value, 0)
        end as increase,
        case
            when is_gauge = 0 then 0
            else {{ seconds_held('sampled_at', 'least(held_until, quarter_ends_at)') }}
        end as seconds_within,
        case
            when is_gauge = 0 or held_until <= quarter_ends_at then 0
            else {{ seconds_held('quarter_ends_at', 'held_until') }}
        end as seconds_beyond,
        case
            when previous_sampled_at + interval '{{ staleness_seconds() }} seconds' < sampled_at
                then previous_sampled_at
        end as silent_since
    from samples_held
),

quarter_hours as (
    select
        series_number,
        quarter_starts_at,
        bucket_starts_at,
        cast(sum(increase) as decimal(38, 12)) as increase,
        cast(sum({{ value_seconds('value', 'seconds_within') }}) as decimal(38, 12)) as value_seconds,
        cast(sum(seconds_within) as decimal(38, 6)) as observed_seconds,
        cast(sum({{ value_seconds('value', 'seconds_beyond') }}) as decimal(38, 12)) as value_seconds_beyond,
        cast(sum(seconds_beyond) as decimal(38, 6)) as observed_seconds_beyond,
        cast(sum(value) as decimal(38, 12)) as total,
        max(value) as maximum,
        max_by(value, sampled_at) as last_value,
        max(sampled_at) as last_sampled_at,
        cast(count(*) as bigint) as sample_count,
        cast(count(silent_since) as bigint) as gap_count,
        cast(
            coalesce(
                sum(case when silent_since is not null then {{ seconds_between('silent_since', 'sampled_at') }} end), 0
            ) as decimal(38, 6)
        ) as gap_seconds,
        min(silent_since) as silent_since,
        max(case when silent_since is not null then sampled_at end) as heard_again_at
    from samples_measured
    group by series_number, quarter_starts_at, bucket_starts_at
),

-- A value held past its quarter hour counts where it was held, in a row of its own.
parts as (
    select
        * exclude (value_seconds_beyond, observed_seconds_beyond),
        false as is_held_over
    from quarter_hours
    union all
    select
        series_number,
        quarter_starts_at + interval '15 minutes' as quarter_starts_at,
        quarter_starts_at + interval '15 minutes' as bucket_starts_at,
        cast(0 as decimal(38, 12)) as increase,
        value_seconds_beyond as value_seconds,
        observed_seconds_beyond as observed_seconds,
        cast(0 as decimal(38, 12)) as total,
        cast(null as decimal(38, 12)) as maximum,
        cast(null as decimal(38, 12)) as last_value,
        cast(null as timestamp) as last_sampled_at,
        cast(0 as bigint) as sample_count,
        cast(0 as bigint) as gap_count,
        cast(0 as decimal(38, 6)) as gap_seconds,
        cast(null as timestamp) as silent_since,
        cast(null as timestamp) as heard_again_at,
        true as is_held_over
    from quarter_hours
    where observed_seconds_beyond > 0
),

within_reach as (
    select
        series_numbered.billing_period,
        series_numbered.source,
        series_numbered.subject_kind,
        series_numbered.series,
        series_numbered.labels,
        parts.quarter_starts_at,
        parts.bucket_starts_at,
        parts.is_held_over,
        parts.increase,
        parts.value_seconds,
        parts.observed_seconds,
        parts.total,
        parts.maximum,
        parts.last_value,
        parts.last_sampled_at,
        parts.sample_count,
        parts.gap_count,
        parts.gap_seconds,
        parts.silent_since,
        parts.heard_again_at
    from parts
    inner join series_numbered on parts.series_number = series_numbered.series_number
    inner join reaches
        on
            series_numbered.billing_period = reaches.billing_period
            and parts.quarter_starts_at >= reaches.starts_at
            and parts.quarter_starts_at < reaches.ends_at
)

select * from within_reach
