-- One row per budget and day of its month: spent to date, where the month will end, and what that means. The forecast is
-- the newest one of the series from the day it was made on; before that day, and where none was made, the run rate of the
-- last four weeks. A budget whose spend has no exchange rate into its currency says so and has no status.
with

days as (
    select * from {{ ref('int_budgets__days') }}
),

forecasts as (
    select * from {{ ref('fct_forecast') }}
),

-- A forecast in another currency than the budget's is not converted: the run rate, which is, stands in.
month_ends as (
    select
        party_id,
        scope,
        scope_value,
        currency,
        billing_period,
        model,
        origin_date,
        month_forecast,
        month_forecast_low,
        month_forecast_high
    from forecasts
    where forecast_date = last_day(forecast_date) and {{ first_of_month('origin_date') }} = billing_period
),

-- What of the forecast lay before the day is no longer ahead.
passed as (
    select
        days.budget_id,
        days.party_id,
        days.scope,
        days.scope_value,
        days.billing_period,
        days.budget_date,
        month_ends.model,
        month_ends.origin_date,
        month_ends.month_forecast - coalesce(forecasts.month_forecast, 0) as ahead,
        month_ends.month_forecast_low - coalesce(forecasts.month_forecast, 0) as ahead_low,
        month_ends.month_forecast_high - coalesce(forecasts.month_forecast, 0) as ahead_high
    from days
    inner join month_ends
        on days.series_party_id = month_ends.party_id
        and days.scope = month_ends.scope
        and days.scope_value = month_ends.scope_value
        and days.currency = month_ends.currency
        and days.billing_period = month_ends.billing_period
        and days.budget_date >= month_ends.origin_date
        and days.budget_date < last_day(days.billing_period)
    left join forecasts
        on days.series_party_id = forecasts.party_id
        and days.scope = forecasts.scope
        and days.scope_value = forecasts.scope_value
        and days.currency = forecasts.currency
        and days.budget_date = forecasts.forecast_date
),

run_rates as (
    select
        *,
        datediff('day', budget_date, last_day(billing_period)) as days_left,
        coalesce({{ divide('four_weeks_amount', 'four_weeks_days') }}, 0) as mean_daily_amount,
        -- Fewer than seven days do not show how far a day may lie from the others.
        case when four_weeks_days < 7 then least(smallest_daily_amount, 0) else smallest_daily_amount end as low_daily_amount,
        case when four_weeks_days < 7 then 2 * greatest(largest_daily_amount, 0) else largest_daily_amount end
            as high_daily_amount
    from days
),

forecast_days as (
    select
        run_rates.*,
        coalesce(passed.model, 'run_rate') as forecast_model,
        passed.origin_date as forecast_origin_date,
        {{ money('run_rates.actual_to_date + coalesce(passed.ahead, run_rates.days_left * run_rates.mean_daily_amount)') }}
            as forecast,
        {{ money(
            'run_rates.actual_to_date'
            ~ ' + coalesce(passed.ahead_low, run_rates.days_left * coalesce(run_rates.low_daily_amount, 0))'
        ) }} as forecast_low,
        {{ money(
            'run_rates.actual_to_date'
            ~ ' + coalesce(passed.ahead_high, run_rates.days_left * coalesce(run_rates.high_daily_amount, 0))'
        ) }} as forecast_high
    from run_rates
    left join passed
        on run_rates.budget_id = passed.budget_id
        and run_rates.party_id = passed.party_id
        and run_rates.scope = passed.scope
        and run_rates.scope_value = passed.scope_value
        and run_rates.billing_period = passed.billing_period
        and run_rates.budget_date = passed.budget_date
),

judged as (
    select
        billing_period,
        budget_id,
        party_id,
        scope,
        scope_value,
        budget_date,
        last_known_date,
        budget_date = last_known_date as is_latest,
        case when unconverted_currency is null then daily_amount end as daily_amount,
        case when unconverted_currency is null then actual_to_date end as actual_to_date,
        case when unconverted_currency is null then forecast end as forecast,
        case when unconverted_currency is null then forecast_low end as forecast_low,
        case when unconverted_currency is null then forecast_high end as forecast_high,
        forecast_model,
        forecast_origin_date,
        budget_amount,
        case when unconverted_currency is null then {{ money('actual_to_date - budget_amount') }} end as variance,
        case when unconverted_currency is null then {{ money('forecast - budget_amount') }} end as forecast_variance,
        case
            when unconverted_currency is not null then null
            when actual_to_date > budget_amount then 'exceeded'
            when forecast > budget_amount then 'at_risk'
            else 'on_track'
        end as status,
        case
            when unconverted_currency is not null
                then 'no rate from ' || unconverted_currency || ' to ' || currency || ' in '
                || {{ month_text('billing_period') }} || ': deliver it in fx_rates'
            when scope <> 'party' and scope_value = '-' then 'scope_value is empty: nothing is measured'
            when scope = 'tag' and position('=' in scope_value) <= 1
                then 'scope_value of a tag is key=value: nothing is measured'
        end as reason,
        thresholds,
        currency
    from forecast_days
)

select * from judged
