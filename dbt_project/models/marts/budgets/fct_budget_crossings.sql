-- One row per budget and threshold it has reached: the first day on which spent to date was at or over that share of the
-- budget. A later credit does not take a crossing back.
with

days as (
    select * from {{ ref('fct_budget_vs_actual') }}
    where actual_to_date > 0
),

positions as (
    {{ numbers(12) }}
),

listed as (
    select distinct
        days.budget_id,
        days.party_id,
        days.scope,
        days.scope_value,
        days.billing_period,
        try_cast(
            replace(trim(split_part(days.thresholds, ';', cast(positions.number as integer) + 1)), '%', '')
            as decimal(18, 6)
        ) as stated,
        position('%' in days.thresholds) > 0 as says_per_cent
    from days
    cross join positions
),

-- A list is in per cent where it says so or where any of its numbers is 5 or more; else in shares of 1.
thresholds as (
    select
        *,
        case
            when says_per_cent or max(stated) over (
                partition by budget_id, party_id, scope, scope_value, billing_period
            ) >= 5 then cast(stated * 0.01 as decimal(18, 6))
            else stated
        end as threshold
    from listed
    where stated > 0
),

reached as (
    select
        days.billing_period,
        days.budget_id,
        days.party_id,
        days.scope,
        days.scope_value,
        thresholds.threshold,
        days.budget_date as crossed_on,
        {{ money('days.budget_amount * thresholds.threshold') }} as threshold_amount,
        days.actual_to_date,
        days.budget_amount,
        days.forecast,
        days.currency
    from days
    inner join thresholds
        on days.budget_id = thresholds.budget_id
        and days.party_id = thresholds.party_id
        and days.scope = thresholds.scope
        and days.scope_value = thresholds.scope_value
        and days.billing_period = thresholds.billing_period
        and days.actual_to_date >= {{ money('days.budget_amount * thresholds.threshold') }}
    qualify
        row_number() over (
            partition by
                days.budget_id, days.party_id, days.scope, days.scope_value, days.billing_period, thresholds.threshold
            order by days.budget_date
        ) = 1
)

select * from reached
