-- What accounts cost in the view `standalone` instead of what they borrowed from other customers or lent to them: what
-- was borrowed is usage on demand, what was lent is unused; and volume tiers are filled by the customer's own usage,
-- which is a difference to what that usage costs on demand. Several of these rows may meet by key.
with

borrowed as (
    select * from {{ ref('int_allocation__commitments_borrowed') }}
    where is_across_customers
),

tiers as (
    select * from {{ ref('int_allocation__tiers_rerated') }}
),

on_demand as (
    select
        billing_period, payer_account_id, from_account_id as sub_account_id, service_name, sku_id, charge_date,
        'Usage' as charge_category, 'on_demand' as component, commitment_discount_id,
        pricing_unit, currency, quantity, list_cost, lines_without_list_cost, on_demand_cost as amount, line_count,
        borrower_lends_too as is_upper_bound
    from borrowed
),

-- Hours of a reservation are unused hours then; a savings plan counts in money alone.
unused as (
    select
        billing_period, payer_account_id, to_account_id as sub_account_id, service_name, sku_id, charge_date,
        'Purchase' as charge_category, 'unused' as component, commitment_discount_id,
        pricing_unit, currency, case mechanism when 'ri' then quantity else 0 end as quantity,
        cast(null as decimal(38, 18)) as list_cost, 0 as lines_without_list_cost, effective_cost as amount,
        0 as line_count, lender_borrows_too as is_upper_bound
    from borrowed
),

-- On the month's last day, because tiers are filled by a month's usage.
tiered as (
    select
        billing_period, payer_account_id, account_id as sub_account_id, service_name, sku_id,
        last_day(billing_period) as charge_date, 'Usage' as charge_category, 'on_demand' as component,
        '-' as commitment_discount_id, pricing_unit, currency, 0 as quantity,
        cast(null as decimal(38, 18)) as list_cost, 0 as lines_without_list_cost,
        standalone_amount - effective_amount as amount, 0 as line_count, false as is_upper_bound
    from tiers
    where standalone_amount <> effective_amount
),

repriced as (
    select * from on_demand
    union all
    select * from unused
    union all
    select * from tiered
)

select * from repriced
