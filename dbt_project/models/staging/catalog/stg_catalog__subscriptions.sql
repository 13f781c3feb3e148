-- The catalog's subscriptions as last delivered. An empty match column becomes ANY; an empty term its default; an open validity its ends.
with

delivered as (
    select * from {{ source('catalog', 'subscriptions') }}
),

last_delivered as (
    select * from delivered
    qualify recorded_at = max(recorded_at) over ()
),

defaulted as (
    select
        subscription_id,
        seller_id,
        buyer_id,
        plan_id,
        cast(coalesce(quantity, 1) as decimal(38, 12)) as quantity,
        coalesce(resource_kind, 'ANY') as resource_kind,
        coalesce(resource_id, 'ANY') as resource_id,
        cast(coalesce(billing_day, extract(day from start_date)) as bigint) as billing_day,
        coalesce(anchor, 'anniversary') as anchor,
        start_date,
        coalesce(end_date, cast('9999-12-31' as date)) as end_date,
        coalesce(valid_from, cast('1900-01-01' as date)) as valid_from,
        coalesce(valid_to, cast('9999-12-31' as date)) as valid_to,
        recorded_at,
        delivery_id,
        source_file,
        source_row
    from last_delivered
)

select * from defaulted
