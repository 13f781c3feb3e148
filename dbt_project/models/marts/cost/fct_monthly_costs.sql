-- One row per month, payer, account (or part of it that a tag assigns), service, charge category, component, cost view and
-- currency: fct_account_costs without its days, SKUs, units and commitments, for whoever asks about months.
with

account_costs as (
    select * from {{ ref('fct_account_costs') }}
),

summed as (
    select
        billing_period,
        service_period,
        payer_account_id,
        sub_account_id,
        assigned_by,
        vendor,
        service_name,
        charge_category,
        component,
        cost_view,
        case when count(*) = count(list_cost) then {{ vendor_amount('sum(list_cost)') }} end as list_cost,
        {{ vendor_amount('sum(amount)') }} as amount,
        currency,
        cast(sum(line_count) as bigint) as line_count,
        max(case when is_upper_bound then 1 else 0 end) = 1 as is_upper_bound
    from account_costs
    group by
        billing_period, service_period, payer_account_id, sub_account_id, assigned_by, vendor, service_name,
        charge_category, component, cost_view, currency
)

select * from summed
