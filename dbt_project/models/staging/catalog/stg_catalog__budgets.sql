-- The catalog's budgets as last delivered. An empty term its default.
with

delivered as (
    select * from {{ source('catalog', 'budgets') }}
),

last_delivered as (
    select * from delivered
    qualify recorded_at = max(recorded_at) over ()
),

defaulted as (
    select
        budget_id,
        party_id,
        scope,
        scope_value,
        cast(period || '-01' as date) as service_period,
        amount,
        currency,
        coalesce(thresholds, '50;80;100') as thresholds,
        recorded_at,
        delivery_id,
        source_file,
        source_row
    from last_delivered
)

select * from defaulted
