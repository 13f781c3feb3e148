-- The catalog's plans as last delivered. An empty term its default.
with

delivered as (
    select * from {{ source('catalog', 'plans') }}
),

last_delivered as (
    select * from delivered
    qualify recorded_at = max(recorded_at) over ()
),

defaulted as (
    select
        plan_id,
        name,
        currency,
        cast(coalesce(trial_days, 0) as bigint) as trial_days,
        recorded_at,
        delivery_id,
        source_file,
        source_row
    from last_delivered
)

select * from defaulted
