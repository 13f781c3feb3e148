-- One row per party, scope, day and currency: the series that budgets are measured by and forecasts are made from.
-- A party's days sum to what it is charged for the month, an account's to its cost in the view its watcher buys in.
with

charges as (
    select * from {{ ref('int_budgets__charges_dated') }}
),

costs as (
    select * from {{ ref('int_budgets__costs_dated') }}
),

dated as (
    select * from charges
    union all
    select * from costs
),

spend as (
    select
        billing_period,
        billing_period as service_period,
        party_id || '/' || scope || '/' || scope_value || '/' || currency as series_id,
        party_id,
        scope,
        scope_value,
        -- What the vendor dates outside the month it bills (corrections) counts from the month's first or last day.
        least(greatest(charge_date, billing_period), last_day(billing_period)) as spend_date,
        {{ money('sum(amount)') }} as amount,
        currency
    from dated
    group by all
)

select * from spend
