-- What the samples of a series add up to in a quarter hour, whatever meters will read it; of a series that a 95th percentile
-- is taken of, in the five minutes of each quarter. The first sums of metering: days of any zone are sums of quarter hours.
-- Only the days that deliveries touched are computed: the others stand as they were made (int_metering__series_heard).
{% set series = 'source, subject_kind, series, labels' %}
{#- Compiled without a connection, there is no table to ask for. -#}
{% set is_made_again = flags.INTROSPECT != false and is_incremental() %}
with

series_heard as (
    select * from {{ ref('int_metering__series_heard') }}
),

-- Imported once per use: DuckDB writes a step that is read twice to memory, here every sample there ever was.
delivered as (
    select *, billing_period as sampled_period, cast(sampled_at as date) as sampled_on
    from {{ ref('int_metering__samples_told') }}
    where value is not null
),

delivered_at_ends as (
    select *, billing_period as sampled_period
    from {{ ref('int_metering__samples_told') }}
    where value is not null
),

days_standing as (
    {% if is_made_again -%}
    select grouped_before.* from {{ this }} as grouped_before
    inner join series_heard using (billing_period, {{ series }}, sampled_on, made_of)
    {%- else -%}
    select billing_period, {{ series }}, sampled_on, made_of from series_heard
    where false
    {%- endif %}
),

-- A whole number in place of four texts and a day: sorting 10 million samples by it costs a tenth.
days_to_meter as (
    select
        series_heard.*,
        row_number() over (order by made_of) as day_number
    from series_heard
    left join (select distinct billing_period, {{ series }}, sampled_on from days_standing) as standing
        using (billing_period, {{ series }}, sampled_on)
    where standing.sampled_on is null
),

-- Beside its own samples a day needs the last one before it and the first one after it.
ends_of_days as (
    select day_number, {{ series }}, previous_sampled_at as sampled_at, false as is_of_day from days_to_meter
    where not is_before
    union all
    select day_number, {{ series }}, next_sampled_at as sampled_at, false as is_of_day from days_to_meter
    union all
    select day_number, {{ series }}, last_sampled_at as sampled_at, true as is_of_day from days_to_meter
    where is_before
),

-- Samples lie in the lake by their UTC month: an equal join by it lets the reader skip the files of all others.
ends_placed as (
    select *, cast(date_trunc('month', sampled_at) as date) as sampled_period from ends_of_days
),

samples_needed as (
    select day_number, sampled_at, true as is_of_day, {{ kept_value('value') }} as value
    from delivered
    inner join days_to_meter using (sampled_period, sampled_on, {{ series }})
    where sampled_at between first_sampled_at and last_sampled_at and not is_before
    group by day_number, sampled_at
    union all
    select day_number, sampled_at, is_of_day, {{ kept_value('value') }} as value
    from delivered_at_ends
    inner join ends_placed using (sampled_period, sampled_at, {{ series }})
    group by day_number, sampled_at, is_of_day
),

{% set samples_of_day = 'partition by day_number order by sampled_at' %}
samples_in_order as (
    select
        *,
        lag(sampled_at) over ({{ samples_of_day }}) as previous_at,
        lag(value) over ({{ samples_of_day }}) as previous_value,
        lead(sampled_at) over ({{ samples_of_day }}) as next_at,
        {{ quarter_hour('sampled_at') }} as quarter_starts_at
    from samples_needed
),

-- How long each value holds, and how much of that lies past the end of its quarter hour (at most one end is passed).
samples_held as (
    select
        samples_in_order.*,
        is_counter,
        is_gauge,
        wrap_at,
        case when is_bucketed = 1 then {{ five_minutes('sampled_at') }} else quarter_starts_at end as bucket_starts_at,
        quarter_starts_at + interval '15 minutes' as quarter_ends_at,
        case
            when next_at < sampled_at + interval '{{ staleness_seconds() }} seconds' then next_at
            else sampled_at + interval '{{ staleness_seconds() }} seconds'
        end as held_until,
        case
            when previous_at + interval '{{ staleness_seconds() }} seconds' < sampled_at then previous_at
        end as silent_since
    from samples_in_order
    inner join days_to_meter using (day_number)
    where is_of_day
),

-- A drop is a reset and adds the new value; of a counter that starts over at a known value (wrap_at), a drop by at least
-- half of that is the counter going on through it.
samples_measured as (
    select
        *,
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
        case when silent_since is not null then {{ seconds_between('silent_since', 'sampled_at') }} end as gap_seconds
    from samples_held
),

quarter_hours as (
    select
        day_number,
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
        cast(coalesce(sum(gap_seconds), 0) as decimal(38, 6)) as gap_seconds,
        min(silent_since) as silent_since,
        max(case when silent_since is not null then sampled_at end) as heard_again_at
    from samples_measured
    group by day_number, quarter_starts_at, bucket_starts_at
),

grouped as (
    select billing_period, {{ series }}, sampled_on, made_of, quarter_hours.* exclude (day_number)
    from quarter_hours
    inner join days_to_meter using (day_number)
)

select * from grouped
{% if is_made_again -%}
union all
select * from days_standing
{%- endif %}
