-- Who owned a resource in a corrected month by the catalog before or by the one after, and not for the same days by the
-- other: the resource moved from that party or to it.
with

tables_changed as (
    select distinct
        service_period,
        {{ add_months('service_period', 1) }} as next_period,
        identity_before,
        identity_after
    from {{ ref('int_rating__inputs_changed') }}
    where input = 'catalog resource_owners'
),

owner_rows as (
    select * from {{ source('catalog', 'resource_owners') }}
),

owned as (
    select distinct
        tables_changed.service_period,
        tables_changed.identity_before,
        tables_changed.identity_after,
        owner_rows.resource_kind,
        owner_rows.resource_id,
        owner_rows.party_id,
        greatest(coalesce(owner_rows.valid_from, tables_changed.service_period), tables_changed.service_period) as owned_from,
        least(coalesce(owner_rows.valid_to, tables_changed.next_period), tables_changed.next_period) as owned_to,
        case when owner_rows.delivery_id = tables_changed.identity_after then 1 else -1 end as side
    from tables_changed
    inner join owner_rows
        on owner_rows.delivery_id in (tables_changed.identity_before, tables_changed.identity_after)
    where
        coalesce(owner_rows.valid_from, tables_changed.service_period) < tables_changed.next_period
        and coalesce(owner_rows.valid_to, tables_changed.next_period) > tables_changed.service_period
),

on_one_side as (
    select service_period, identity_before, identity_after, resource_kind, resource_id, party_id
    from owned
    group by service_period, identity_before, identity_after, resource_kind, resource_id, party_id, owned_from, owned_to
    having sum(side) <> 0
),

owners_moved as (
    select distinct service_period, identity_before, identity_after, resource_kind, resource_id, party_id
    from on_one_side
)

select * from owners_moved
