-- Quarter hours of a month's longest reach over all zones; the hours around its ends stand in two months. A value held past
-- its quarter hour counts where it was held, in a row of its own.
with

months as (
    select * from {{ ref('stg_lake__months') }}
),

-- Imported once per use: DuckDB writes a step that is read twice to memory.
grouped as (
    select * from {{ ref('int_metering__samples_grouped') }}
),

grouped_with_holds as (
    select * from {{ ref('int_metering__samples_grouped') }}
    where observed_seconds_beyond > 0
),

reaches as (
    select
        billing_period,
        min(starts_at) as starts_at,
        max(ends_at) as ends_at
    from months
    group by billing_period
),

parts as (
    select
        * exclude (value_seconds_beyond, observed_seconds_beyond),
        false as is_held_over
    from grouped
    union all
    select
        billing_period,
        source,
        subject_kind,
        series,
        labels,
        sampled_on,
        made_of,
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
    from grouped_with_holds
),

within_reach as (
    select parts.*
    from parts
    inner join reaches
        on
            parts.billing_period = reaches.billing_period
            and parts.quarter_starts_at >= reaches.starts_at
            and parts.quarter_starts_at < reaches.ends_at
)

select * from within_reach
