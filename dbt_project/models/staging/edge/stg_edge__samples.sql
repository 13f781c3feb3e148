-- Samples of edge servers, each key once.
-- Not guaranteed by the source: order, punctuality, one delivery per sample, one value per key (pairs of agents).
-- The same value again changes nothing; of different values one is kept (kept_value), the others are in
-- int_metering__samples_in_conflict. For readers of single samples: int_metering__samples_grouped takes duplicates out
-- itself, by the same rule, after it has left out all that a month does not need.
with

delivered as (
    select * from {{ source('edge', 'samples') }}
),

kept as (
    select
        billing_period,
        source,
        series,
        {{ series_key('series') }} as series_key,
        labels,
        sampled_at,
        {{ kept_value('value') }} as value,
        {{ kept_value('text_value') }} as text_value,
        count(*) as times_delivered
    from delivered
    group by billing_period, source, series, labels, sampled_at
)

select * from kept
