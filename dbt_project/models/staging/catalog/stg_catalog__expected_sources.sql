-- The catalog's expected_sources as last delivered. An empty match column becomes ANY; an empty term its default.
with

delivered as (
    select * from {{ source('catalog', 'expected_sources') }}
),

last_delivered as (
    select * from delivered
    qualify recorded_at = max(recorded_at) over ()
),

defaulted as (
    select
        source,
        coalesce(account, 'ANY') as account,
        seller_id,
        cast(coalesce(grace_days, 0) as bigint) as grace_days,
        recorded_at,
        delivery_id,
        source_file,
        source_row
    from last_delivered
)

select * from defaulted
