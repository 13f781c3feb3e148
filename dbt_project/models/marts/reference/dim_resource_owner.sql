-- One row per resource, owner and validity: which party an account, server, application or device belongs to, and when.
with

resource_owners as (
    select * from {{ ref('stg_catalog__resource_owners') }}
),

described as (
    select
        {{ first_of_month('cast(recorded_at as date)') }} as billing_period,
        resource_kind,
        resource_id,
        party_id,
        valid_from,
        valid_to,
        recorded_at
    from resource_owners
)

select * from described
