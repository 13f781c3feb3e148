-- The catalog's commitments as last delivered. An empty term its default.
with

delivered as (
    select * from {{ source('catalog', 'commitments') }}
),

last_delivered as (
    select * from delivered
    qualify recorded_at = max(recorded_at) over ()
),

defaulted as (
    select
        commitment_id,
        agreement_id,
        subscription_id,
        charge_id,
        kind,
        amount,
        factor,
        coalesce("interval", 'month') as commitment_interval,
        coalesce(tax_category, 'standard') as tax_category,
        coalesce(start_date, cast('1900-01-01' as date)) as start_date,
        coalesce(end_date, cast('9999-12-31' as date)) as end_date,
        recorded_at,
        delivery_id,
        source_file,
        source_row
    from last_delivered
)

select * from defaulted
