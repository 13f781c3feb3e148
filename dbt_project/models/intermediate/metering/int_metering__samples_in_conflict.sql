-- Delivered samples whose key came with another value too and whose value was not kept (stg_edge__samples).
with

months as (
    select * from {{ ref('stg_lake__months') }}
),

-- Imported once per use, see int_metering__samples_grouped.
delivered as (
    select * from {{ ref('int_metering__samples_told') }}
),

delivered_in_doubt as (
    select * from {{ ref('int_metering__samples_told') }}
),

delivered_again as (
    select * from {{ ref('int_metering__samples_told') }}
),

samples_grouped as (
    select * from {{ ref('int_metering__samples_grouped') }}
),

billing_periods as (
    select distinct billing_period from months
),

{% set day = 'source, subject_kind, series, labels, sampled_on' %}
days_delivered as (
    select
        billing_period,
        source,
        subject_kind,
        series,
        labels,
        cast(sampled_at as date) as sampled_on,
        count(*) as samples_delivered
    from delivered
    inner join billing_periods using (billing_period)
    group by billing_period, source, subject_kind, series, labels, sampled_on
),

days_metered as (
    select {{ day }}, sum(sample_count) as samples_metered
    from samples_grouped
    group by {{ day }}
),

-- Metering counts each key once, and numbers alone: of a day that has as many samples as were delivered, none came twice.
-- So most months are told by a count of their days; one key each of 5 million samples is five times as much.
days_in_doubt as (
    select days_delivered.billing_period, {{ day }}
    from days_delivered
    left join days_metered using ({{ day }})
    where days_delivered.samples_delivered <> coalesce(days_metered.samples_metered, 0)
),

{% set key_number -%} hash(source, subject_kind, series, labels, sampled_at) {%- endset %}
-- One number for the five columns of a key tells which may have come with two values, at a third of the cost of the five; two
-- keys of one number are told apart below. The same value again, which is all that pairs of agents send, goes no further.
in_doubt as (
    select *, cast(sampled_at as date) as sampled_on
    from delivered_in_doubt
),

numbers_differing as (
    select {{ key_number }} as key_number
    from in_doubt
    inner join days_in_doubt using (billing_period, {{ day }})
    group by key_number
    having
        count(*) > 1
        and (min(value) <> max(value) or count(value) not in (0, count(*)) or count(text_value) > 0)
),

repeated as (
    select delivered_again.*
    from delivered_again
    inner join billing_periods using (billing_period)
    inner join numbers_differing on {{ key_number }} = numbers_differing.key_number
),

{% set key = 'billing_period, source, subject_kind, series, labels, sampled_at' %}
keys_in_conflict as (
    select {{ key }}, {{ kept_value('value') }} as kept_value, {{ kept_value('text_value') }} as kept_text_value
    from repeated
    group by {{ key }}
    having
        count(*) > 1
        and (
            min(value) is distinct from max(value)
            or min(text_value) is distinct from max(text_value)
            or count(value) not in (0, count(*))
        )
),

in_conflict as (
    select
        repeated.feed,
        repeated.account,
        repeated.billing_period,
        repeated.delivery_id,
        repeated.source_file,
        repeated.source_row,
        repeated.source,
        repeated.series,
        repeated.labels,
        repeated.sampled_at,
        repeated.value,
        repeated.text_value,
        keys_in_conflict.kept_value
    from repeated
    inner join keys_in_conflict using ({{ key }})
    where
        repeated.value is distinct from keys_in_conflict.kept_value
        or repeated.text_value is distinct from keys_in_conflict.kept_text_value
)

select * from in_conflict
