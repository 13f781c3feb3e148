-- Warns of every budget of the newest month that is exceeded, at risk, or cannot be measured; it holds nothing up.
{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'fct_budget_vs_actual'}}}) }}

select
    billing_period,
    budget_id,
    scope,
    scope_value,
    status,
    reason,
    actual_to_date,
    forecast,
    budget_amount,
    currency
from {{ ref('fct_budget_vs_actual') }}
where
    is_latest
    and (status in ('at_risk', 'exceeded') or reason is not null)
    and billing_period = (select max(billing_period) from {{ ref('fct_daily_spend') }})
