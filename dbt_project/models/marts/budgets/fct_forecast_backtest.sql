-- One row per series, model and origin: how well a model would have forecast the days after the origin, knowing only
-- those before. What the choice of a model rests on, not a claim.
with

backtests as (
    select * from {{ source('lake', 'forecast_backtests') }}
),

described as (
    select
        {{ first_of_month('origin_date') }} as billing_period,
        series_id,
        party_id,
        scope,
        scope_value,
        model,
        origin_date,
        horizon,
        is_chosen,
        wape,
        mase,
        coverage,
        currency
    from backtests
)

select * from described
