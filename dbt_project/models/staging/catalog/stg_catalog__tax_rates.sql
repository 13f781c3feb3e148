-- The catalog's tax_rates as last delivered. An empty match column becomes ANY; an empty term its default; an open validity its ends.
with

delivered as (
    select * from {{ source('catalog', 'tax_rates') }}
),

last_delivered as (
    select * from delivered
    qualify recorded_at = max(recorded_at) over ()
),

defaulted as (
    select
        coalesce(seller_country, 'ANY') as seller_country,
        coalesce(buyer_country, 'ANY') as buyer_country,
        coalesce(buyer_tax_status, 'ANY') as buyer_tax_status,
        coalesce(tax_category, 'ANY') as tax_category,
        kind,
        cast(coalesce(rate, 0) as decimal(38, 12)) as rate,
        coalesce(valid_from, cast('1900-01-01' as date)) as valid_from,
        coalesce(valid_to, cast('9999-12-31' as date)) as valid_to,
        recorded_at,
        delivery_id,
        source_file,
        source_row
    from last_delivered
)

select * from defaulted
