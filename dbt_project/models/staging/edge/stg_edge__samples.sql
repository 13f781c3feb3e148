-- Samples of edge servers, each key once.
-- Not guaranteed by the source: order, punctuality, one delivery per sample, one value per key (pairs of agents).
-- The same value again changes nothing. Of different values the largest is kept, for every type of sample: for a
-- counter it is the newest, for the others it is a rule that no order of arrival can bend. The values not kept are in
-- int_metering__samples_in_conflict. No event time: a month also needs the sample before it.
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
        max(value) as value,
        max(text_value) as text_value,
        count(*) as times_delivered
    from delivered
    group by billing_period, source, series, labels, sampled_at
)

select * from kept
