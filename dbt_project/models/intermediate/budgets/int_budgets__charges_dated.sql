-- What parties are charged, by day. Who pays a vendor is charged the bill, in the payer's view, on the bill's own days; who
-- buys on any other edge, what is rated there, spread over the days it is for.
with

account_costs as (
    select * from {{ ref('fct_account_costs') }}
),

payer_views as (
    select * from {{ ref('int_rating__payer_views') }}
),

costs_assigned as (
    select * from {{ ref('int_rating__costs_assigned') }}
),

cloud_charges as (
    select * from {{ ref('int_budgets__cloud_charges_spread') }}
),

plan_charges as (
    select * from {{ ref('int_budgets__plan_charges_spread') }}
),

roots as (
    select
        billing_period,
        payer_account_id,
        vendor,
        max_by(root_party_id, segment_start) as party_id
    from costs_assigned
    where root_party_id is not null
    group by billing_period, payer_account_id, vendor
),

bills as (
    select
        account_costs.billing_period,
        roots.party_id,
        account_costs.charge_date,
        {{ money('sum(account_costs.amount)') }} as amount,
        account_costs.currency
    from account_costs
    inner join payer_views
        on account_costs.billing_period = payer_views.billing_period
        and account_costs.payer_account_id = payer_views.payer_account_id
        and account_costs.vendor = payer_views.vendor
        and account_costs.cost_view = payer_views.cost_view
    inner join roots
        on account_costs.billing_period = roots.billing_period
        and account_costs.payer_account_id = roots.payer_account_id
        and account_costs.vendor = roots.vendor
    group by all
),

daily as (
    select billing_period, party_id, charge_date, amount, currency from bills
    union all
    select billing_period, party_id, charge_date, amount, currency from cloud_charges
    union all
    select billing_period, party_id, charge_date, amount, currency from plan_charges
),

dated as (
    select
        billing_period,
        party_id,
        'party' as scope,
        party_id as scope_value,
        charge_date,
        {{ money('sum(amount)') }} as amount,
        currency
    from daily
    group by all
)

select * from dated
