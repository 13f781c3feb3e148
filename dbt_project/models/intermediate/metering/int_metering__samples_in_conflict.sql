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

keys_in_conflict as (
    select
        delivered.billing_period,
        delivered.source,
        delivered.subject_kind,
        delivered.series,
        delivered.labels,
        delivered.sampled_at,
        {{ kept_value('delivered.value') }} as kept_value,
        {{ kept_value('delivered.text_value') }} as kept_text_value
    from delivered
    inner join billing_periods on delivered.billing_period = billing_periods.billing_period
    group by
        delivered.billing_period, delivered.source, delivered.subject_kind, delivered.series, delivered.labels,
        delivered.sampled_at
    having
        count(*) > 1
        and (
            min(delivered.value) is distinct from max(delivered.value)
            or min(delivered.text_value) is distinct from max(delivered.text_value)
            or count(delivered.value) not in (0, count(*))
        )
),

in_conflict as (
    select
        delivered_again.feed,
        delivered_again.account,
        delivered_again.billing_period,
        delivered_again.delivery_id,
        delivered_again.source_file,
        delivered_again.source_row,
        delivered_again.source,
        delivered_again.series,
        delivered_again.labels,
        delivered_again.sampled_at,
        delivered_again.value,
        delivered_again.text_value,
        keys_in_conflict.kept_value
    from delivered_again
    inner join keys_in_conflict
        on
            delivered_again.billing_period = keys_in_conflict.billing_period
            and delivered_again.source = keys_in_conflict.source
            and delivered_again.subject_kind = keys_in_conflict.subject_kind
            and delivered_again.series = keys_in_conflict.series
            and delivered_again.labels = keys_in_conflict.labels
            and delivered_again.sampled_at = keys_in_conflict.sampled_at
    where
        delivered_again.value is distinct from keys_in_conflict.kept_value
        or delivered_again.text_value is distinct from keys_in_conflict.kept_text_value
)

select * from in_conflict
