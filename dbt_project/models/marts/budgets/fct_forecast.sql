-- One row per series and day ahead: the newest forecast, as the forecaster left it in the lake. `meterhouse forecast`
-- makes it; without it the table is empty.
with

forecasts as (
    select * from {{ source('lake', 'forecasts') }}
),

described as (
    select
        {{ first_of_month('forecast_date') }} as billing_period,
        series_id,
        party_id,
        scope,
        scope_value,
        origin_date,
        forecast_date,
        model,
        forecast,
        forecast_low,
        forecast_high,
        month_forecast,
        month_forecast_low,
        month_forecast_high,
        currency
    from forecasts
)

select * from described
