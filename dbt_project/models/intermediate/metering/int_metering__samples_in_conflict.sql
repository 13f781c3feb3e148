-- Delivered samples whose key came with another value too and whose value was not kept (stg_edge__samples).
with

months as (
    select * from {{ ref('stg_lake__months') }}
),

-- Imported once per use, see int_metering__samples_grouped.
delivered as (
    select * from {{ ref('int_metering__samples_told') }}
),

delivered_again as (
    select * from {{ ref('int_metering__samples_told') }}
),

billing_periods as (
    select distinct billing_period from months
),

{% set key_number -%} hash(source, subject_kind, series, labels, sampled_at) {%- endset %}
-- Nearly every key comes once. One number for its five columns tells which may not, at a third of the cost of the five;
-- two keys of one number are told apart below.
numbers_repeated as (
    select {{ key_number }} as key_number
    from delivered
    inner join billing_periods using (billing_period)
    group by key_number
    having count(*) > 1
),

repeated as (
    select delivered_again.*
    from delivered_again
    inner join billing_periods using (billing_period)
    inner join numbers_repeated on {{ key_number }} = numbers_repeated.key_number
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
