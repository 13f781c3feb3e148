-- The catalog's fx_rates as last delivered.
with

delivered as (
    select * from {{ source('catalog', 'fx_rates') }}
),

last_delivered as (
    select * from delivered
    qualify recorded_at = max(recorded_at) over ()
),

defaulted as (
    select
        from_currency,
        to_currency,
        cast(period || '-01' as date) as service_period,
        rate,
        source,
        recorded_at,
        delivery_id,
        source_file,
        source_row
    from last_delivered
)

select * from defaulted
