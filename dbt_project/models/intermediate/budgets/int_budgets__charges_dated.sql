-- What parties are charged, by day. Who pays a vendor is charged the bill, in the payer's view, on the bill's own days.
-- On every other edge the rated charge of cloud cost is spread over its days as the cost behind it is, the charge of a
-- plan evenly over its charge period: to-date shares of the charge, so that the last day completes it exactly.
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

rated_charges as (
    select * from {{ ref('fct_rated_charges') }}
    where not is_vendor_edge and amount <> 0
),

agreements as (
    select * from {{ ref('stg_catalog__agreements') }}
),

month_days as (
    {{ numbers(31) }}
),

grouped_costs as (
    select
        billing_period,
        charge_date,
        payer_account_id,
        coalesce(sub_account_id, payer_account_id) as account_id,
        vendor,
        service_name,
        sku_id,
        charge_category,
        cost_view,
        currency,
        {{ vendor_amount('sum(amount)') }} as cost
    from account_costs
    group by all
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
        grouped_costs.billing_period,
        roots.party_id,
        grouped_costs.charge_date,
        {{ money('sum(grouped_costs.cost)') }} as amount,
        grouped_costs.currency
    from grouped_costs
    inner join payer_views
        on grouped_costs.billing_period = payer_views.billing_period
        and grouped_costs.payer_account_id = payer_views.payer_account_id
        and grouped_costs.vendor = payer_views.vendor
        and grouped_costs.cost_view = payer_views.cost_view
    inner join roots
        on grouped_costs.billing_period = roots.billing_period
        and grouped_costs.payer_account_id = roots.payer_account_id
        and grouped_costs.vendor = roots.vendor
    group by all
),

cloud_charges as (
    select
        rated_charges.billing_period,
        rated_charges.agreement_id,
        rated_charges.buyer_id as party_id,
        agreements.cost_view,
        rated_charges.payer_account_id,
        rated_charges.account_id,
        rated_charges.vendor,
        rated_charges.service_name,
        rated_charges.sku_id,
        rated_charges.charge_category,
        rated_charges.charge_period_start,
        rated_charges.charge_period_end,
        rated_charges.currency,
        {{ money('sum(rated_charges.amount)') }} as charged
    from rated_charges
    inner join agreements on rated_charges.agreement_id = agreements.agreement_id
    where rated_charges.vendor is not null
    group by all
),

numbered as (
    select
        *,
        row_number() over (
            partition by billing_period
            order by
                agreement_id, payer_account_id, account_id, vendor, service_name, sku_id, charge_category,
                charge_period_start, charge_period_end, currency
        ) as charge_number
    from cloud_charges
),

weighed as (
    select
        numbered.billing_period,
        numbered.charge_number,
        numbered.party_id,
        coalesce(grouped_costs.charge_date, {{ add_days('numbered.charge_period_end', -1) }}) as charge_date,
        numbered.charged,
        numbered.currency,
        sum(grouped_costs.cost) over charge_days as cost_to_date,
        sum(grouped_costs.cost) over whole_charge as cost_total,
        row_number() over charge_days as days_to_date,
        count(*) over whole_charge as days_total
    from numbered
    left join grouped_costs
        on numbered.billing_period = grouped_costs.billing_period
        and numbered.payer_account_id = grouped_costs.payer_account_id
        and numbered.account_id = grouped_costs.account_id
        and numbered.vendor = grouped_costs.vendor
        and numbered.service_name = grouped_costs.service_name
        and numbered.sku_id = grouped_costs.sku_id
        and numbered.charge_category = grouped_costs.charge_category
        and numbered.cost_view = grouped_costs.cost_view
        and numbered.charge_period_start <= grouped_costs.charge_date
        and numbered.charge_period_end > grouped_costs.charge_date
    window
        charge_days as (
            partition by numbered.billing_period, numbered.charge_number
            order by grouped_costs.charge_date
            rows between unbounded preceding and current row
        ),
        whole_charge as (partition by numbered.billing_period, numbered.charge_number)
),

cloud_to_date as (
    select
        billing_period,
        charge_number,
        party_id,
        charge_date,
        currency,
        -- Costs that cancel out say nothing about days: their charge falls evenly on the days they have.
        {{ money(
            'charged * case when cost_total <> 0 then ' ~ divide('cost_to_date', 'cost_total')
            ~ ' else ' ~ divide('days_to_date', 'days_total') ~ ' end'
        ) }} as charged_to_date
    from weighed
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
    where vendor is null
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
        {{ add_days('placed.first_date', 'month_days.number') }} as charge_date,
        placed.currency,
        {{ money(
            'placed.charged * ' ~ divide('month_days.number + 1', "datediff('day', placed.first_date, placed.end_date)")
        ) }} as charged_to_date
    from placed
    inner join month_days on month_days.number < datediff('day', placed.first_date, placed.end_date)
),

daily as (
    select billing_period, party_id, charge_date, amount, currency from bills
    union all
    select
        billing_period,
        party_id,
        charge_date,
        charged_to_date - coalesce(
            lag(charged_to_date) over (partition by billing_period, charge_number order by charge_date), 0
        ) as amount,
        currency
    from cloud_to_date
    union all
    select
        billing_period,
        party_id,
        charge_date,
        charged_to_date - coalesce(
            lag(charged_to_date) over (
                partition by billing_period, party_id, first_date, end_date, currency order by charge_date
            ),
            0
        ) as amount,
        currency
    from plan_to_date
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
