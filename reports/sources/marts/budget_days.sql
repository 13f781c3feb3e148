-- One row per budget, scope value, month and day.
select
    strftime(budgets.billing_period, '%Y-%m') as month,
    budget_id,
    budgets.party_id,
    coalesce(parties.name, budgets.party_id) as party,
    scope,
    scope_value,
    coalesce(parties.name, budgets.party_id) || ', ' || scope || ' ' || scope_value as label,
    budget_date as day,
    is_latest,
    daily_amount,
    actual_to_date,
    forecast,
    forecast_low,
    forecast_high,
    forecast_model,
    budget_amount,
    variance,
    forecast_variance,
    replace(status, '_', ' ') as status,
    reason,
    budgets.currency,
    fmt
from fct_budget_vs_actual as budgets
left join dim_party as parties on budgets.party_id = parties.party_id
left join money_formats using (currency)
order by month, party, scope, scope_value, budget_id, day
