-- One row per budget and day of its month up to the last one known: what was spent to date, in the budget's currency,
-- and what the last four weeks say about a day. Days after the last known one have no row: nothing is claimed of them.
{{ config(meta={'dagster': {'group': 'marts_budgets'}}) }}
{%- set budget_days -%}
partition by billing_period, budget_id, party_id, scope, scope_value order by budget_date
{%- endset -%}
{%- set to_date = budget_days ~ ' rows between unbounded preceding and current row' -%}
{%- set four_weeks = budget_days ~ ' rows between 27 preceding and current row' %}
with

budgets as (
    select * from {{ ref('stg_catalog__budgets') }}
),

spend as (
    select * from {{ ref('fct_daily_spend') }}
),

-- Rendered without the month's filter: the four weeks before a day lie in the month before, too.
all_spend as (
    select * from {{ ref('fct_daily_spend').render() }}
),

agreements as (
    select * from {{ ref('stg_catalog__agreements') }}
),

edge_rates as (
    select * from {{ ref('int_rating__edge_rates') }}
),

fx_rates as (
    select * from {{ ref('int_rating__fx_rates') }}
    where fx_source = 'ANY'
),

as_of as (
    select * from {{ source('lake', 'as_of') }}
),

offsets as (
    {{ numbers(59) }}
),

-- A month that is over is known to its last day; the running one to the last day on which anybody spent anything.
months as (
    select
        spend.billing_period,
        case
            when coalesce(min(as_of.as_of_date) > last_day(spend.billing_period), true)
                then last_day(spend.billing_period)
            else coalesce(
                max(case when spend.spend_date <= as_of.as_of_date then spend.spend_date end), min(as_of.as_of_date)
            )
        end as last_known_date
    from spend
    left join as_of on true
    group by spend.billing_period
),

budgeted as (
    select
        budgets.budget_id,
        budgets.party_id,
        budgets.scope,
        budgets.scope_value,
        -- A party may watch another one: the series is then that party's own.
        case budgets.scope when 'party' then budgets.scope_value else budgets.party_id end as series_party_id,
        months.billing_period,
        months.last_known_date,
        budgets.amount as budget_amount,
        budgets.currency,
        budgets.thresholds
    from budgets
    inner join months on budgets.service_period = months.billing_period
),

currencies as (
    select distinct
        budgeted.party_id,
        budgeted.billing_period,
        budgeted.currency,
        all_spend.currency as spend_currency
    from budgeted
    inner join all_spend
        on budgeted.series_party_id = all_spend.party_id
        and budgeted.scope = all_spend.scope
        and budgeted.scope_value = all_spend.scope_value
    where budgeted.currency <> all_spend.currency
),

-- The rate of an edge on which the party buys in the budget's currency, fixed or of its source; else the only one of
-- the month. No rate: the amount stays unconverted and the budget says so.
converted_currencies as (
    select
        currencies.party_id,
        currencies.billing_period,
        currencies.currency,
        currencies.spend_currency,
        cast(
            coalesce(
                min_by(coalesce(edge_rates.rate, fixed_rates.rate, agreements.fx_fixed_rate), agreements.agreement_id),
                min(fx_rates.rate)
            ) as decimal(38, 12)
        ) as fx_rate
    from currencies
    left join agreements
        on currencies.party_id = agreements.buyer_id
        and currencies.currency = agreements.currency
        and currencies.billing_period < agreements.valid_to
        and last_day(currencies.billing_period) >= agreements.valid_from
    left join edge_rates
        on agreements.agreement_id = edge_rates.agreement_id
        and currencies.billing_period = edge_rates.service_period
        and currencies.spend_currency = edge_rates.from_currency
    left join edge_rates as fixed_rates
        on agreements.agreement_id = fixed_rates.agreement_id
        and currencies.billing_period = fixed_rates.service_period
        and fixed_rates.from_currency = 'ANY'
    left join fx_rates
        on currencies.spend_currency = fx_rates.from_currency
        and currencies.currency = fx_rates.to_currency
        and currencies.billing_period = fx_rates.service_period
    group by all
),

measured as (
    select
        budgeted.budget_id,
        budgeted.party_id,
        budgeted.scope,
        budgeted.scope_value,
        budgeted.billing_period,
        all_spend.spend_date,
        {{ money(
            'sum(case when budgeted.currency = all_spend.currency then all_spend.amount'
            ~ ' else ' ~ money('all_spend.amount * converted_currencies.fx_rate') ~ ' end)'
        ) }} as amount,
        min(
            case
                when budgeted.currency <> all_spend.currency and converted_currencies.fx_rate is null
                    then all_spend.currency
            end
        ) as unconverted_currency
    from budgeted
    inner join all_spend
        on budgeted.series_party_id = all_spend.party_id
        and budgeted.scope = all_spend.scope
        and budgeted.scope_value = all_spend.scope_value
        and budgeted.last_known_date >= all_spend.spend_date
        and {{ add_days('budgeted.billing_period', -28) }} <= all_spend.spend_date
    left join converted_currencies
        on budgeted.party_id = converted_currencies.party_id
        and budgeted.billing_period = converted_currencies.billing_period
        and budgeted.currency = converted_currencies.currency
        and all_spend.currency = converted_currencies.spend_currency
    group by all
),

calendar as (
    select
        budgeted.*,
        {{ add_days('budgeted.billing_period', 'offsets.number - 28') }} as budget_date
    from budgeted
    inner join offsets on {{ add_days('budgeted.billing_period', 'offsets.number - 28') }} <= budgeted.last_known_date
),

-- Days before the first one with spend say nothing about a day, days without spend after it do.
filled as (
    select
        calendar.*,
        measured.unconverted_currency,
        measured.amount as spent,
        case
            when calendar.budget_date >= min(measured.spend_date) over (
                partition by
                    calendar.budget_id, calendar.party_id, calendar.scope, calendar.scope_value,
                    calendar.billing_period
            )
                then coalesce(measured.amount, 0)
        end as known_amount,
        case when calendar.budget_date >= calendar.billing_period then coalesce(measured.amount, 0) else 0 end
            as month_amount
    from calendar
    left join measured
        on calendar.budget_id = measured.budget_id
        and calendar.party_id = measured.party_id
        and calendar.scope = measured.scope
        and calendar.scope_value = measured.scope_value
        and calendar.billing_period = measured.billing_period
        and calendar.budget_date = measured.spend_date
),

accumulated as (
    select
        billing_period,
        budget_id,
        party_id,
        scope,
        scope_value,
        series_party_id,
        budget_date,
        last_known_date,
        budget_amount,
        currency,
        thresholds,
        {{ money('month_amount') }} as daily_amount,
        {{ money('sum(month_amount) over (' ~ to_date ~ ')') }} as actual_to_date,
        max(unconverted_currency) over (
            partition by billing_period, budget_id, party_id, scope, scope_value
        ) as unconverted_currency,
        {{ money('sum(known_amount) over (' ~ four_weeks ~ ')') }} as four_weeks_amount,
        count(known_amount) over ({{ four_weeks }}) as four_weeks_days,
        {{ money('min(known_amount) over (' ~ four_weeks ~ ')') }} as smallest_daily_amount,
        {{ money('max(known_amount) over (' ~ four_weeks ~ ')') }} as largest_daily_amount
    from filled
),

days as (
    select * from accumulated
    where budget_date >= billing_period
)

select * from days
