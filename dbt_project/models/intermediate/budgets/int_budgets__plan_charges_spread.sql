-- What buyers are charged for plans, by day: evenly over the charge period, by to-date shares, so that the last day
-- completes the charge exactly.
with

rated_charges as (
    select * from {{ ref('fct_rated_charges') }}
    where not is_vendor_edge and amount <> 0 and vendor is null
),

month_days as (
    {{ numbers(31) }}
),

-- What of a period of so many days is over by the end of each: divided here once, not once a charge (5 microseconds each).
shares as (
    select
        month_days.number as day_number,
        periods.number + 1 as day_count,
        {{ divide('month_days.number + 1', 'periods.number + 1') }} as share_to_date
    from month_days
    inner join month_days as periods on month_days.number <= periods.number
),

plan_charges as (
    select
        billing_period,
        buyer_id as party_id,
        greatest(coalesce(charge_period_start, billing_period), billing_period) as first_date,
        least(coalesce(charge_period_end, {{ add_months('billing_period', 1) }}), {{ add_months('billing_period', 1) }})
            as end_date,
        currency,
        amount
    from rated_charges
),

-- A charge period outside its month (due in it all the same) falls on the month's last day.
placed as (
    select
        billing_period,
        party_id,
        case when first_date < end_date then first_date else last_day(billing_period) end as first_date,
        case when first_date < end_date then end_date else {{ add_months('billing_period', 1) }} end as end_date,
        currency,
        {{ money('sum(amount)') }} as charged
    from plan_charges
    group by all
),

plan_to_date as (
    select
        placed.billing_period,
        placed.party_id,
        placed.first_date,
        placed.end_date,
        {{ add_days('placed.first_date', 'shares.day_number') }} as charge_date,
        placed.currency,
        {{ money('placed.charged * shares.share_to_date') }} as charged_to_date
    from placed
    inner join shares on datediff('day', placed.first_date, placed.end_date) = shares.day_count
),

spread as (
    select
        billing_period,
        party_id,
        first_date,
        end_date,
        charge_date,
        charged_to_date - coalesce(
            lag(charged_to_date) over (
                partition by billing_period, party_id, first_date, end_date, currency order by charge_date
            ),
            0
        ) as amount,
        currency
    from plan_to_date
)

select * from spread
