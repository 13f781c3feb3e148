-- The catalog's budgets as last delivered. An empty term its default; a party's own budget is of the party itself.
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
        coalesce(nullif(scope_value, ''), case scope when 'party' then party_id else '-' end) as scope_value,
        cast(period || '-01' as date) as service_period,
        amount,
        currency,
        coalesce(nullif(thresholds, ''), '50;80;100') as thresholds,
        recorded_at,
        delivery_id,
        source_file,
        source_row
    from last_delivered
)

select * from defaulted
