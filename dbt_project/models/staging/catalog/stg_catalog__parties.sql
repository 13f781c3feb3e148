-- The catalog's parties as last delivered. An empty term its default.
with

delivered as (
    select * from {{ source('catalog', 'parties') }}
),

last_delivered as (
    select * from delivered
    qualify recorded_at = max(recorded_at) over ()
),

defaulted as (
    select
        party_id,
        name,
        role,
        country,
        coalesce(time_zone, 'UTC') as time_zone,
        tax_id,
        coalesce(tax_status, 'business') as tax_status,
        email,
        invoice_prefix,
        coalesce(zero_invoices, 'document') as zero_invoices,
        recorded_at,
        delivery_id,
        source_file,
        source_row
    from last_delivered
)

select * from defaulted
