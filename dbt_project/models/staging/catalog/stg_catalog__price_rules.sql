-- The catalog's price_rules as last delivered. An empty match column becomes ANY; an empty term its default; an open validity its ends.
with

delivered as (
    select * from {{ source('catalog', 'price_rules') }}
),

last_delivered as (
    select * from delivered
    qualify recorded_at = max(recorded_at) over ()
),

defaulted as (
    select
        rule_id,
        agreement_id,
        coalesce(vendor, 'ANY') as vendor,
        coalesce(service, 'ANY') as service,
        coalesce(sku, 'ANY') as sku,
        coalesce(account_id, 'ANY') as account_id,
        coalesce(charge_category, 'ANY') as charge_category,
        kind,
        cast(coalesce(value, 0) as decimal(38, 12)) as value,
        coalesce(tax_category, 'standard') as tax_category,
        coalesce(valid_from, cast('1900-01-01' as date)) as valid_from,
        coalesce(valid_to, cast('9999-12-31' as date)) as valid_to,
        recorded_at,
        delivery_id,
        source_file,
        source_row
    from last_delivered
)

select * from defaulted
