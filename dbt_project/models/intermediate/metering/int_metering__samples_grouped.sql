-- One row per series and quarter hour: what its samples add up to, whatever meters will read it. The first table of
-- metering: a tenth of the samples or less. Whole days of any zone are sums of quarter hours (int_metering__days).
-- A month holds the quarter hours of its longest reach over all zones, so the hours around its ends stand in two months.
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

samples as (
    select * from {{ ref('stg_edge__samples') }}
),

-- Read beside the staging model: the last sample before a month is a maximum over all that ever came, and a maximum
-- needs no duplicates taken out first.
delivered_samples as (
    select * from {{ source('edge', 'samples') }}
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
    select billing_period, starts_at, ends_at, cast({{ dbt.dateadd('month', -1, 'billing_period') }} as date) from reaches
    union all
    select billing_period, starts_at, ends_at, cast({{ dbt.dateadd('month', 1, 'billing_period') }} as date) from reaches
),

metered_series as (
    select
        {{ series_key('series') }} as series_key,
        max(case when sample_type = 'counter' then 1 else 0 end) as is_counter,
        max(case when sample_type = 'gauge' then 1 else 0 end) as is_gauge
    from meters
    group by {{ series_key('series') }}
),

samples_within_reach as (
    select
        neighbouring_months.billing_period,
        samples.source,
        samples.series,
        samples.labels,
        samples.sampled_at,
        samples.value
    from samples
    inner join neighbouring_months
        on
            samples.billing_period = neighbouring_months.sampled_period
            and samples.sampled_at >= neighbouring_months.starts_at
            and samples.sampled_at < neighbouring_months.ends_at
    where samples.value is not null
),

last_instants_before as (
    select
        reaches.billing_period,
        delivered_samples.source,
        delivered_samples.series,
        delivered_samples.labels,
        max(delivered_samples.sampled_at) as sampled_at
    from delivered_samples
    inner join metered_series on {{ series_key('delivered_samples.series') }} = metered_series.series_key
    inner join reaches on delivered_samples.sampled_at < reaches.starts_at
    where delivered_samples.value is not null
    group by reaches.billing_period, delivered_samples.source, delivered_samples.series, delivered_samples.labels
),

last_samples_before as (
    select
        last_instants_before.billing_period,
        last_instants_before.source,
        last_instants_before.series,
        last_instants_before.labels,
        last_instants_before.sampled_at,
        max(delivered_samples.value) as value
    from delivered_samples
    inner join last_instants_before
        on
            delivered_samples.sampled_at = last_instants_before.sampled_at
            and delivered_samples.source = last_instants_before.source
            and delivered_samples.series = last_instants_before.series
            and delivered_samples.labels = last_instants_before.labels
    group by
        last_instants_before.billing_period,
        last_instants_before.source,
        last_instants_before.series,
        last_instants_before.labels,
        last_instants_before.sampled_at
),

samples_needed as (
    select billing_period, source, series, labels, sampled_at, value from samples_within_reach
    union all
    select billing_period, source, series, labels, sampled_at, value from last_samples_before
),

samples_in_time_order as (
    select
        samples_needed.billing_period,
        samples_needed.source,
        samples_needed.series,
        samples_needed.labels,
        samples_needed.sampled_at,
        samples_needed.value,
        metered_series.is_counter,
        metered_series.is_gauge,
        {% set samples_of_series -%}
            partition by
                samples_needed.billing_period, samples_needed.source, samples_needed.series, samples_needed.labels
            order by samples_needed.sampled_at
        {%- endset -%}
        lag(samples_needed.sampled_at) over ({{ samples_of_series }}) as previous_sampled_at,
        lag(samples_needed.value) over ({{ samples_of_series }}) as previous_value,
        lead(samples_needed.sampled_at) over ({{ samples_of_series }}) as next_sampled_at,
        {{ quarter_hour('samples_needed.sampled_at') }} as quarter_starts_at
    from samples_needed
    inner join metered_series on {{ series_key('samples_needed.series') }} = metered_series.series_key
),

-- How long each value holds, and how much of that lies past the end of its quarter hour (at most one end is passed).
samples_held as (
    select
        *,
        case
            when next_sampled_at < sampled_at + interval '{{ staleness_seconds() }} seconds' then next_sampled_at
            else sampled_at + interval '{{ staleness_seconds() }} seconds'
        end as held_until,
        quarter_starts_at + interval '15 minutes' as quarter_ends_at
    from samples_in_time_order
),

samples_measured as (
    select
        billing_period,
        source,
        series,
        labels,
        quarter_starts_at,
        sampled_at,
        value,
        case
            when is_counter = 0 or previous_value is null then 0
            when value >= previous_value then value - previous_value
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
            when previous_sampled_at + interval '{{ staleness_seconds() }} seconds' < sampled_at then previous_sampled_at
        end as silent_since
    from samples_held
),

quarter_hours as (
    select
        billing_period,
        source,
        series,
        labels,
        quarter_starts_at,
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
            coalesce(sum(case when silent_since is not null then {{ seconds_between('silent_since', 'sampled_at') }} end), 0)
            as decimal(38, 6)
        ) as gap_seconds,
        min(silent_since) as silent_since,
        max(case when silent_since is not null then sampled_at end) as heard_again_at
    from samples_measured
    group by billing_period, source, series, labels, quarter_starts_at
),

-- A value held past its quarter hour counts where it was held.
parts as (
    select * exclude (value_seconds_beyond, observed_seconds_beyond) from quarter_hours
    union all
    select
        billing_period,
        source,
        series,
        labels,
        quarter_starts_at + interval '15 minutes' as quarter_starts_at,
        0 as increase,
        value_seconds_beyond as value_seconds,
        observed_seconds_beyond as observed_seconds,
        0 as total,
        null as maximum,
        null as last_value,
        null as last_sampled_at,
        0 as sample_count,
        0 as gap_count,
        0 as gap_seconds,
        null as silent_since,
        null as heard_again_at
    from quarter_hours
    where observed_seconds_beyond > 0
),

grouped as (
    select
        parts.billing_period,
        parts.source,
        parts.series,
        parts.labels,
        parts.quarter_starts_at,
        cast(sum(parts.increase) as decimal(38, 12)) as increase,
        cast(sum(parts.value_seconds) as decimal(38, 12)) as value_seconds,
        cast(sum(parts.observed_seconds) as decimal(38, 6)) as observed_seconds,
        cast(sum(parts.total) as decimal(38, 12)) as total,
        max(parts.maximum) as maximum,
        max(parts.last_value) as last_value,
        max(parts.last_sampled_at) as last_sampled_at,
        cast(sum(parts.sample_count) as bigint) as sample_count,
        cast(sum(parts.gap_count) as bigint) as gap_count,
        cast(sum(parts.gap_seconds) as decimal(38, 6)) as gap_seconds,
        min(parts.silent_since) as silent_since,
        max(parts.heard_again_at) as heard_again_at
    from parts
    inner join reaches
        on
            parts.billing_period = reaches.billing_period
            and parts.quarter_starts_at >= reaches.starts_at
            and parts.quarter_starts_at < reaches.ends_at
    group by parts.billing_period, parts.source, parts.series, parts.labels, parts.quarter_starts_at
)

select * from grouped
