-- Versions of subscriptions with the charges of their plans that are due whatever is used, and the terms each is due on. A
-- flat usage charge is a price per month of the subscription.
with

subscriptions as (
    select * from {{ ref('stg_catalog__subscriptions') }}
),

plans as (
    select * from {{ ref('stg_catalog__plans') }}
),

plan_charges as (
    select * from {{ ref('stg_catalog__plan_charges') }}
    where charge_type in ('recurring', 'one_time') or (charge_type = 'usage' and charge_model = 'flat')
),

-- First and last day come from the subscription as a whole; plan, quantity and anchor from each of its versions.
charged as (
    select
        subscriptions.* exclude (start_date, end_date),
        min(subscriptions.start_date) over (partition by subscriptions.subscription_id) as start_date,
        last_value(subscriptions.end_date) over (
            partition by subscriptions.subscription_id
            order by subscriptions.valid_from
            rows between unbounded preceding and unbounded following
        ) as end_date,
        min(greatest(subscriptions.start_date, subscriptions.valid_from)) over (
            partition by subscriptions.subscription_id, subscriptions.plan_id
        ) as first_plan_date,
        plans.currency as plan_currency,
        plans.trial_days
    from subscriptions
    inner join plans on subscriptions.plan_id = plans.plan_id
),

termed as (
    select
        charged.*,
        plan_charges.charge_id,
        plan_charges.name as charge_name,
        plan_charges.charge_type,
        plan_charges.charge_model,
        plan_charges.tax_category,
        plan_charges.proration as charge_proration,
        case when plan_charges.charge_type = 'recurring' then plan_charges.included_quantity else 0 end as included_quantity,
        plan_charges.prorate_units or plan_charges.free_events <> 0 or plan_charges.free_amount <> 0 as asks_for_more,
        plan_charges.charge_type = 'recurring' and plan_charges.timing = 'in_advance' as is_in_advance,
        case
            when plan_charges.charge_type = 'usage' then 1
            when plan_charges.charge_interval = 'year' then 12
            when plan_charges.charge_interval = 'quarter' then 3
            else 1
        end as interval_months,
        charged.anchor = 'calendar' or plan_charges.charge_type = 'usage' as is_calendar,
        case when plan_charges.charge_type = 'recurring' then charged.trial_days else 0 end as free_days
    from charged
    inner join plan_charges on charged.plan_id = plan_charges.plan_id
)

select * from termed
