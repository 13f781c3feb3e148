-- One row per party, month and currency: spend of the party, its budget and the month's forecast, where there are any.
with

spent as (
    select
        billing_period,
        party_id,
        currency,
        sum(amount) as spend
    from fct_daily_spend
    where scope = 'party'
    group by all
),

budgeted as (
    select
        billing_period,
        party_id,
        currency,
        sum(budget_amount) as budget_amount,
        sum(forecast) as forecast
    from fct_budget_vs_actual
    where scope = 'party' and scope_value = party_id and is_latest
    group by all
),

ahead as (
    select
        billing_period,
        party_id,
        currency,
        sum(forecast) as forecast_ahead
    from fct_forecast
    where scope = 'party'
    group by all
)

select
    strftime(billing_period, '%Y-%m') as month,
    party_id,
    currency,
    spend,
    budget_amount,
    forecast,
    forecast_ahead,
    fmt
from spent
full join budgeted using (billing_period, party_id, currency)
full join ahead using (billing_period, party_id, currency)
left join money_formats using (currency)
order by all
