-- The charge periods of subscriptions that are billed with this month: one row per subscription version, charge and
-- charge period. In advance: the month holds the period's first day; in arrears: its last. In-advance periods of the
-- next month are here too (service_period is then the month after billing_period), because they are due on this
-- month's invoice.
with

months as (
    select * from {{ ref('int_rating__months') }}
),

first_period as (
    select * from {{ ref('int_rating__first_period') }}
),

termed as (
    select * from {{ ref('int_rating__subscriptions_charged') }}
),

-- The start of a yearly period lies at most 12 months before the month that holds its last day.
months_back as (
    {%- for number in range(13) %}
    select {{ number }} as number_of_months{{ ' union all' if not loop.last }}
    {%- endfor %}
),

service_periods as (
    select billing_period, billing_period as service_period from months
    union all
    select billing_period, next_period as service_period from months
),

anchored as (
    select
        * exclude (billing_day),
        case when is_calendar then 1 else billing_day end as billing_day,
        case
            when is_calendar then 0
            else {{ month_number('start_date') }} - case
                when {{ day_of_month(first_of_month('start_date'), 'billing_day') }} > start_date then 1 else 0
            end
        end as anchor_month
    from termed
    where charge_type <> 'one_time'
),

candidates as (
    select
        anchored.*,
        service_periods.billing_period,
        service_periods.service_period,
        {{ add_months('service_periods.service_period', '(-1 * months_back.number_of_months)') }} as start_month
    from anchored
    cross join service_periods
    cross join months_back
),

bounded as (
    select
        *,
        {{ day_of_month('start_month', 'billing_day') }} as period_start,
        {{ day_of_month(add_months('start_month', 'interval_months'), 'billing_day') }} as period_end
    from candidates
    where mod({{ month_number('start_month') }} - anchor_month, interval_months) = 0
),

-- A charge period begins and ends with its subscription.
clipped as (
    select
        *,
        greatest(period_start, start_date) as first_day,
        least({{ add_days('period_end', -1) }}, end_date) as last_day,
        greatest(period_start, {{ add_days('start_date', 'free_days') }}, valid_from) as live_from,
        least({{ add_days('period_end', -1) }}, end_date, {{ add_days('valid_to', -1) }}) as live_until
    from bounded
),

in_month as (
    select
        *,
        case
            when not is_in_advance or period_start <= start_date then service_period
            else least(
                service_period,
                greatest({{ add_months('service_period', -1) }}, coalesce(first_period.first_period, service_period))
            )
        end as due_period
    from clipped
    cross join first_period
    where
        live_from <= live_until
        and first_day <= last_day
        and {{ first_of_month('case when is_in_advance then first_day else last_day end') }} = service_period
        and (is_in_advance or service_period = billing_period)
),

once as (
    select
        termed.*,
        months.billing_period,
        months.billing_period as service_period,
        months.billing_period as due_period,
        termed.first_plan_date as period_start,
        {{ add_days('termed.first_plan_date', 1) }} as period_end,
        termed.first_plan_date as live_from,
        termed.first_plan_date as live_until
    from termed
    inner join months on {{ first_of_month('termed.first_plan_date') }} = months.billing_period
    where
        termed.charge_type = 'one_time'
        and greatest(termed.start_date, termed.valid_from) = termed.first_plan_date
        and termed.first_plan_date <= termed.end_date
),

{%- set columns %}
        billing_period,
        service_period,
        due_period,
        subscription_id,
        seller_id,
        buyer_id,
        quantity as subscribed_quantity,
        included_quantity,
        charge_id,
        charge_name,
        charge_type,
        charge_model,
        charge_proration,
        tax_category,
        asks_for_more,
        is_in_advance,
        interval_months,
        billing_day,
        plan_currency,
        valid_from as version_from,
        period_start,
        period_end,
        live_from,
        live_until
{%- endset %}

charge_periods as (
    select {{ columns }}
    from in_month
    union all
    select {{ columns }}
    from once
)

select * from charge_periods
