-- The catalog's meters as last delivered. An empty term its default.
with

delivered as (
    select * from {{ source('catalog', 'meters') }}
),

last_delivered as (
    select * from delivered
    qualify recorded_at = max(recorded_at) over ()
),

defaulted as (
    select
        meter_id,
        resource_kind,
        series,
        sample_type,
        aggregation,
        unit,
        cast(coalesce(scale, 1) as decimal(38, 18)) as scale,
        filter,
        dimension,
        wrap_at,
        recorded_at,
        delivery_id,
        source_file,
        source_row
    from last_delivered
)

select * from defaulted
