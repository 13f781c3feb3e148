-- The catalog's vendor_prices as last delivered. An empty match column becomes ANY; an empty term its default; an open validity its ends.
with

delivered as (
    select * from {{ source('catalog', 'vendor_prices') }}
),

last_delivered as (
    select * from delivered
    qualify recorded_at = max(recorded_at) over ()
),

defaulted as (
    select
        vendor,
        coalesce(service, 'ANY') as service,
        coalesce(sku, 'ANY') as sku,
        coalesce(usage_type, 'ANY') as usage_type,
        coalesce(pool, 'ANY') as pool,
        cast(coalesce(lower, 0) as decimal(38, 12)) as lower,
        upper,
        unit_price,
        currency,
        coalesce(valid_from, cast('1900-01-01' as date)) as valid_from,
        coalesce(valid_to, cast('9999-12-31' as date)) as valid_to,
        recorded_at,
        delivery_id,
        source_file,
        source_row
    from last_delivered
)

select * from defaulted
