-- What the samples of a series add up to in a quarter hour, whatever meters will read it; of a series that a 95th percentile
-- is taken of, in the five minutes of each quarter. The first sums of metering: days of any zone are sums of quarter hours.
-- Only the days that deliveries touched are computed: the others stand as they were made (int_metering__series_heard).
-- Made in parts of some million samples, each of the sources between two names: what order and sums hold of a part is let
-- go before the next.
{% set series = 'source, subject_kind, series, labels' %}
{% set staleness = staleness_seconds() | int * 1000000 %}
{#- Compiled without a connection, there is no table to ask for. -#}
{% set is_made_again = flags.INTROSPECT != false and is_incremental() %}
with

series_heard as (
    select * from {{ ref('int_metering__series_heard') }}
    where {{ in_part('source') }}
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

days_unmade as (
    select
        series_heard.*,
        cast(row_number() over (order by series_heard.made_of) as integer) as day_number
    from series_heard
    left join (select distinct billing_period, {{ series }}, sampled_on from days_standing) as standing
        using (billing_period, {{ series }}, sampled_on)
    where standing.sampled_on is null
),

{% set days_of_series = 'partition by billing_period, ' ~ series ~ ' order by sampled_on' %}
days_in_order as (
    select
        *,
        coalesce(lag(last_sampled_at) over ({{ days_of_series }}) = previous_sampled_at, false) as follows_on,
        coalesce(lead(previous_sampled_at) over ({{ days_of_series }}) = last_sampled_at, false) as is_followed
    from days_unmade
),

-- Days that follow one another are one run, numbered as its first day: within a run every sample finds the one before it
-- and the one after it. A whole number in place of four texts: sorting 10 million samples by it costs a tenth.
days_to_meter as (
    select
        *,
        max(case when not follows_on then day_number end) over (
            {{ days_of_series }}
            rows between unbounded preceding and current row
        ) as run_number
    from days_in_order
),

-- Beside its own samples a run needs the last one before it and the first one after it. Of what was heard before the month
-- only the last sample matters.
ends_of_runs as (
    select run_number, day_number, {{ series }}, last_sampled_at as sampled_at from days_to_meter
    where is_before
    union all
    select run_number, cast(null as integer) as day_number, {{ series }}, previous_sampled_at as sampled_at
    from days_to_meter
    where not follows_on and previous_sampled_at is not null
    union all
    select run_number, cast(null as integer) as day_number, {{ series }}, next_sampled_at as sampled_at
    from days_to_meter
    where not is_followed and next_sampled_at is not null
),

-- Samples lie in the lake by their UTC month: an equal join by it lets the reader skip the files of all others.
ends_placed as (
    select *, cast(date_trunc('month', sampled_at) as date) as sampled_period from ends_of_runs
),

{#- Twice: all runs as they were delivered, where the same value again is nothing beside the first; then, of a key that came
    with two values, the runs once more with the value that is kept. To take every key once before it is known to have come
    twice is a third of metering. -#}
{% for samples in ['as_delivered', 'each_once'] %}
{%- set is_once = samples == 'each_once' %}
{%- if is_once %}
runs_in_conflict as (
    select distinct run_number from days_to_meter
    where day_number in (select day_number from summed_as_delivered where conflicts > 0)
),

days_in_conflict as (
    select day_number from days_to_meter
    where run_number in (select run_number from runs_in_conflict)
),
{% endif %}
-- Imported once per use: DuckDB writes a step that is read twice to memory, here every sample there ever was.
delivered_{{ samples }} as (
    select *, billing_period as sampled_period, cast(sampled_at as date) as sampled_on
    from {{ ref('int_metering__samples_told') }}
    where value is not null and {{ in_part('source') }}
),

delivered_at_ends_{{ samples }} as (
    select *, billing_period as sampled_period
    from {{ ref('int_metering__samples_told') }}
    where value is not null and {{ in_part('source') }}
),

days_{{ samples }} as (
    select * from days_to_meter
    where
        not is_before
        {%- if is_once %}
        and run_number in (select run_number from runs_in_conflict)
        {%- endif %}
),

ends_{{ samples }} as (
    select * from ends_placed
    {%- if is_once %}
    where run_number in (select run_number from runs_in_conflict)
    {%- endif %}
),

samples_{{ samples }} as (
    select
        run_number,
        day_number,
        sampled_at,
        {{ kept_value('value') if is_once else 'value' }} as value
    from delivered_{{ samples }}
    inner join days_{{ samples }} using (sampled_period, sampled_on, {{ series }})
    where sampled_at between first_sampled_at and last_sampled_at
    {%- if is_once %}
    group by run_number, day_number, sampled_at
    {%- endif %}
    union all
    select run_number, day_number, sampled_at, {{ kept_value('value') }} as value
    from delivered_at_ends_{{ samples }}
    inner join ends_{{ samples }} using (sampled_period, sampled_at, {{ series }})
    group by run_number, day_number, sampled_at
),

{% set samples_of_run = 'partition by run_number order by sampled_at' %}
in_order_{{ samples }} as (
    select
        *,
        lag(sampled_at) over ({{ samples_of_run }}) as previous_at,
        lag(value) over ({{ samples_of_run }}) as previous_value,
        lead(sampled_at) over ({{ samples_of_run }}) as next_at,
        {{ quarter_hour('sampled_at') }} as quarter_starts_at
    from samples_{{ samples }}
),

-- How long a gauge's value holds, and how much of its quarter hour is left (it may pass one end of a quarter hour, not two).
held_{{ samples }} as (
    select
        in_order.day_number,
        in_order.sampled_at,
        in_order.value,
        in_order.previous_at,
        in_order.previous_value,
        days_to_meter.is_counter,
        days_to_meter.wrap_at,
        case
            when days_to_meter.is_bucketed = 1 then {{ five_minutes('in_order.sampled_at') }}
            else in_order.quarter_starts_at
        end as bucket_starts_at,
        coalesce(in_order.previous_at = in_order.sampled_at, false) as is_repeated,
        datediff('microsecond', in_order.previous_at, in_order.sampled_at) as microseconds_since,
        case
            when days_to_meter.is_gauge = 0 then 0
            else least(
                coalesce(datediff('microsecond', in_order.sampled_at, in_order.next_at), {{ staleness }}), {{ staleness }}
            )
        end as microseconds_held,
        case
            when days_to_meter.is_gauge = 0 then 0
            else 900000000 - datediff('microsecond', in_order.quarter_starts_at, in_order.sampled_at)
        end as microseconds_left
    from in_order_{{ samples }} as in_order
    inner join days_to_meter on in_order.day_number = days_to_meter.day_number
),

-- A drop is a reset and adds the new value; of a counter that starts over at a known value (wrap_at), a drop by at least
-- half of that is the counter going on through it.
measured_{{ samples }} as (
    select
        *,
        case
            when is_counter = 0 or previous_value is null then 0
            when value >= previous_value then value - previous_value
            when previous_value < wrap_at and value >= 0 and 2 * (previous_value - value) >= wrap_at
                then wrap_at - previous_value + value
            else greatest(value, 0)
        end as increase,
        least(microseconds_held, microseconds_left) as microseconds_within,
        greatest(microseconds_held - microseconds_left, 0) as microseconds_beyond,
        case when microseconds_since > {{ staleness }} then microseconds_since end as gap_microseconds,
        case when microseconds_since > {{ staleness }} then previous_at end as silent_since,
        case when microseconds_since > {{ staleness }} then sampled_at end as heard_again_at
    from held_{{ samples }}
),

-- Only the last value of a quarter hour is held past its end: that product is taken once a quarter hour (grouped), not once
-- a sample. Of 5 million samples it was, with a join by runs in summed, 0.5 of 6.0 CPU-s.
summed_{{ samples }} as (
    select
        day_number,
        bucket_starts_at,
        cast(sum(increase) as decimal(38, 12)) as increase,
        cast(sum({{ value_seconds('value', 'microseconds_within') }}) as decimal(38, 12)) as value_seconds,
        sum(microseconds_within) as microseconds_within,
        max(microseconds_beyond) as microseconds_beyond,
        cast(sum(case when is_repeated then 0 else value end) as decimal(38, 12)) as total,
        max(value) as maximum,
        max_by(value, sampled_at) as last_value,
        max(sampled_at) as last_sampled_at,
        count(case when not is_repeated then 1 end) as sample_count,
        count(case when is_repeated and value <> previous_value then 1 end) as conflicts,
        count(gap_microseconds) as gap_count,
        sum(gap_microseconds) as gap_microseconds,
        min(silent_since) as silent_since,
        max(heard_again_at) as heard_again_at
    from measured_{{ samples }}
    group by day_number, bucket_starts_at
),
{% endfor %}
summed as (
    select * from summed_as_delivered
    where day_number not in (select day_number from days_in_conflict)
    union all
    select * from summed_each_once
),

grouped as (
    select
        days_to_meter.billing_period,
        days_to_meter.source,
        days_to_meter.subject_kind,
        days_to_meter.series,
        days_to_meter.labels,
        days_to_meter.sampled_on,
        days_to_meter.made_of,
        {{ quarter_hour('summed.bucket_starts_at') }} as quarter_starts_at,
        summed.bucket_starts_at,
        summed.increase,
        summed.value_seconds,
        cast({{ seconds_of('summed.microseconds_within') }} as decimal(38, 6)) as observed_seconds,
        cast({{ value_seconds('summed.last_value', 'summed.microseconds_beyond') }} as decimal(38, 12))
            as value_seconds_beyond,
        cast({{ seconds_of('summed.microseconds_beyond') }} as decimal(38, 6)) as observed_seconds_beyond,
        summed.total,
        summed.maximum,
        summed.last_value,
        summed.last_sampled_at,
        cast(summed.sample_count as bigint) as sample_count,
        cast(summed.gap_count as bigint) as gap_count,
        cast({{ seconds_of('coalesce(summed.gap_microseconds, 0)') }} as decimal(38, 6)) as gap_seconds,
        summed.silent_since,
        summed.heard_again_at
    from summed
    inner join days_to_meter on summed.day_number = days_to_meter.day_number
)

select * from grouped
{% if is_made_again -%}
union all
select * from days_standing
{%- endif %}
