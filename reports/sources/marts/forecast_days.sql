-- One row per series of a party and day ahead.
select
    party_id,
    scope,
    scope_value,
    strftime(origin_date, '%Y-%m-%d') as known_to,
    strftime(forecast_date, '%Y-%m-%d') as day,
    strftime(billing_period, '%Y-%m') as month,
    model,
    forecast,
    forecast_low,
    forecast_high,
    forecasts.currency,
    fmt
from fct_forecast as forecasts
left join money_formats using (currency)
order by party_id, scope, scope_value, day
