-- The catalog's payers as last delivered. An empty term its default; an open validity its ends.
with

delivered as (
    select * from {{ source('catalog', 'payers') }}
),

last_delivered as (
    select * from delivered
    qualify recorded_at = max(recorded_at) over ()
),

defaulted as (
    select
        payer_id,
        vendor,
        party_id,
        report,
        coalesce(cost_basis, 'unblended') as cost_basis,
        coalesce(sharing_benefit, 'owner') as sharing_benefit,
        coalesce(volume_benefit, 'as_billed') as volume_benefit,
        coalesce(valid_from, cast('1900-01-01' as date)) as valid_from,
        coalesce(valid_to, cast('9999-12-31' as date)) as valid_to,
        recorded_at,
        delivery_id,
        source_file,
        source_row
    from last_delivered
)

select * from defaulted
