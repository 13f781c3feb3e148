-- The catalog's allocation_rules as last delivered. An empty match column becomes ANY; an empty term its default; an open validity its ends.
with

delivered as (
    select * from {{ source('catalog', 'allocation_rules') }}
),

last_delivered as (
    select * from delivered
    qualify recorded_at = max(recorded_at) over ()
),

defaulted as (
    select
        rule_id,
        payer_id,
        cast(coalesce(position, 0) as bigint) as position,
        coalesce(match_service, 'ANY') as match_service,
        coalesce(match_charge_category, 'ANY') as match_charge_category,
        coalesce(match_account, 'ANY') as match_account,
        method,
        driver,
        targets,
        cast(coalesce(scale, 12) as bigint) as scale,
        coalesce(valid_from, cast('1900-01-01' as date)) as valid_from,
        coalesce(valid_to, cast('9999-12-31' as date)) as valid_to,
        recorded_at,
        delivery_id,
        source_file,
        source_row
    from last_delivered
)

select * from defaulted
