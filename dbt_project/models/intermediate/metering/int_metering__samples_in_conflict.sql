-- Delivered samples whose key came with another value too and whose value was not kept (stg_edge__samples).
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

delivered as (
    select * from {{ source('edge', 'samples') }}
),

billing_periods as (
    select distinct billing_period from months
),

delivered_in_month as (
    select delivered.*
    from delivered
    inner join billing_periods on delivered.billing_period = billing_periods.billing_period
),

keys_in_conflict as (
    select
        billing_period,
        source,
        series,
        labels,
        sampled_at,
        max(value) as kept_value,
        max(text_value) as kept_text_value
    from delivered_in_month
    group by billing_period, source, series, labels, sampled_at
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
        delivered_in_month.billing_period,
        delivered_in_month.delivery_id,
        delivered_in_month.source_file,
        delivered_in_month.source_row,
        delivered_in_month.source,
        delivered_in_month.series,
        delivered_in_month.labels,
        delivered_in_month.sampled_at,
        delivered_in_month.value,
        delivered_in_month.text_value,
        keys_in_conflict.kept_value
    from delivered_in_month
    inner join keys_in_conflict
        on
            delivered_in_month.billing_period = keys_in_conflict.billing_period
            and delivered_in_month.source = keys_in_conflict.source
            and delivered_in_month.series = keys_in_conflict.series
            and delivered_in_month.labels = keys_in_conflict.labels
            and delivered_in_month.sampled_at = keys_in_conflict.sampled_at
    where
        delivered_in_month.value is distinct from keys_in_conflict.kept_value
        or delivered_in_month.text_value is distinct from keys_in_conflict.kept_text_value
)

select * from in_conflict
