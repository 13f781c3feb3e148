-- One row per budget, scope value, month and threshold that was reached.
select
    strftime(billing_period, '%Y-%m') as month,
    budget_id,
    scope_value,
    threshold,
    strftime(crossed_on, '%Y-%m-%d') as crossed_on,
    threshold_amount,
    actual_to_date,
    crossings.currency,
    fmt
from fct_budget_crossings as crossings
left join money_formats using (currency)
order by month, budget_id, scope_value, threshold
