-- On which UTC days of a month each metered series was heard, and what a day's metering depends on, as one number
-- (made_of): the samples of the day and of the days heard before and after it, whose steps and holds reach into it.
-- A day whose number stands is not metered again (int_metering__samples_grouped).
-- A month has the days of its longest reach over all zones. What was heard before that is one more row, of the day before
-- the reach: of it only the last sample matters, however old.
with

months as (
    select * from {{ ref('stg_lake__months') }}
),

meters as (
    select * from {{ ref('stg_catalog__meters') }}
),

-- Not stg_edge__samples: what a month does not need has to go before duplicates are taken out.
delivered as (
    select * from {{ ref('int_metering__samples_told') }}
),

code as (
    select * from {{ source('lake', 'code') }}
),

reaches as (
    select
        billing_period,
        min(starts_at) as starts_at,
        max(ends_at) as ends_at
    from months
    group by billing_period
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

-- The days on which a month's reach begins or ends: theirs is another month up to an instant.
days_cut as (
    select cast(starts_at as date) as cut_on from reaches
    union
    select cast(ends_at as date) as cut_on from reaches
),

-- By the day, and of a day that is cut by the quarter hour, on whose grid every zone's month begins: few rows are left to be
-- compared with the ends of months, and four sums a day cost a third of what 96 do.
-- `contents` is a sum of 64-bit hashes: of any order, and another one as soon as one sample is another.
parts_of_days_heard as (
    select
        delivered.source,
        delivered.subject_kind,
        delivered.series,
        delivered.labels,
        cast(delivered.sampled_at as date) as heard_on,
        case when days_cut.cut_on is not null then {{ quarter_hour('delivered.sampled_at') }} end as quarter_starts_at,
        min(delivered.sampled_at) as first_sampled_at,
        max(delivered.sampled_at) as last_sampled_at,
        count(*) as sample_count,
        sum(hash(delivered.sampled_at, delivered.value)) as contents
    from delivered
    inner join metered_series on {{ series_key('delivered.series') }} = metered_series.series_key
    left join days_cut on cast(delivered.sampled_at as date) = days_cut.cut_on
    where delivered.value is not null
    group by
        delivered.source, delivered.subject_kind, delivered.series, delivered.labels,
        heard_on, quarter_starts_at
),

parts_placed as (
    select
        *,
        coalesce(quarter_starts_at, cast(heard_on as timestamp)) as part_starts_at
    from parts_of_days_heard
),

heard as (
    select
        reaches.billing_period,
        reaches.starts_at,
        reaches.ends_at,
        parts_placed.source,
        parts_placed.subject_kind,
        parts_placed.series,
        parts_placed.labels,
        parts_placed.part_starts_at < reaches.starts_at as is_before,
        case
            when parts_placed.part_starts_at < reaches.starts_at
                then cast({{ dbt.dateadd('day', -1, 'reaches.starts_at') }} as date)
            else parts_placed.heard_on
        end as sampled_on,
        min(parts_placed.first_sampled_at) as first_sampled_at,
        max(parts_placed.last_sampled_at) as last_sampled_at,
        cast(sum(parts_placed.sample_count) as bigint) as sample_count,
        cast(sum(parts_placed.contents) as decimal(38, 0)) as contents
    from parts_placed
    inner join reaches on parts_placed.part_starts_at < reaches.ends_at
    group by
        reaches.billing_period, reaches.starts_at, reaches.ends_at, parts_placed.source, parts_placed.subject_kind,
        parts_placed.series, parts_placed.labels, is_before, sampled_on
),

{% set days_of_series -%}
    partition by billing_period, source, subject_kind, series, labels order by last_sampled_at
{%- endset %}
in_order as (
    select
        *,
        lag(last_sampled_at) over ({{ days_of_series }}) as previous_sampled_at,
        lead(first_sampled_at) over ({{ days_of_series }}) as next_sampled_at,
        lag(contents) over ({{ days_of_series }}) as previous_contents,
        lead(contents) over ({{ days_of_series }}) as next_contents
    from heard
),

known as (
    select
        in_order.billing_period,
        in_order.source,
        in_order.subject_kind,
        in_order.series,
        in_order.labels,
        in_order.sampled_on,
        cast(date_trunc('month', in_order.sampled_on) as date) as sampled_period,
        in_order.is_before,
        case when in_order.is_before then in_order.last_sampled_at else in_order.first_sampled_at end
            as first_sampled_at,
        in_order.last_sampled_at,
        in_order.previous_sampled_at,
        in_order.next_sampled_at,
        in_order.sample_count,
        metered_series.is_counter,
        metered_series.is_gauge,
        metered_series.is_bucketed,
        metered_series.wrap_at,
        cast(
            hash(
                in_order.contents, in_order.previous_contents, in_order.next_contents,
                in_order.starts_at, in_order.ends_at,
                metered_series.is_counter, metered_series.is_gauge, metered_series.is_bucketed, metered_series.wrap_at,
                code.code_version
            ) as decimal(38, 0)
        ) as made_of
    from in_order
    inner join metered_series on {{ series_key('in_order.series') }} = metered_series.series_key
    left join code on true
)

select * from known
