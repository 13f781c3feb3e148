-- The catalog's adjustments as last delivered. An empty term its default.
with

delivered as (
    select * from {{ source('catalog', 'adjustments') }}
),

last_delivered as (
    select * from delivered
    qualify recorded_at = max(recorded_at) over ()
),

defaulted as (
    select
        adjustment_id,
        agreement_id,
        subscription_id,
        charge_id,
        kind,
        amount,
        share,
        cast(coalesce(position, 0) as bigint) as position,
        cast(period || '-01' as date) as service_period,
        reason,
        recorded_at,
        delivery_id,
        source_file,
        source_row
    from last_delivered
)

select * from defaulted
