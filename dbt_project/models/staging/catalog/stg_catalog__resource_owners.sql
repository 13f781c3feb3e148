-- The catalog's resource_owners as last delivered. An open validity its ends.
with

delivered as (
    select * from {{ source('catalog', 'resource_owners') }}
),

last_delivered as (
    select * from delivered
    qualify recorded_at = max(recorded_at) over ()
),

defaulted as (
    select
        resource_kind,
        resource_id,
        party_id,
        coalesce(valid_from, cast('1900-01-01' as date)) as valid_from,
        coalesce(valid_to, cast('9999-12-31' as date)) as valid_to,
        recorded_at,
        delivery_id,
        source_file,
        source_row
    from last_delivered
)

select * from defaulted
