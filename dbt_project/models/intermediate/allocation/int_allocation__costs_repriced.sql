-- What is added to the effective costs to see them as `real` and as `standalone`, in rows of their own that meet the
-- costs they change by key. `real`: a borrower's borrowed usage rises to its on-demand price. `standalone`: what was
-- borrowed from another customer is usage on demand instead, what was lent to one is unused, and volume tiers
-- are filled by the customer's own usage.
with

transfers as (
    select * from {{ ref('int_allocation__transfers') }}
    where commitment_discount_id <> '-'
),

borrowed as (
    select * from {{ ref('int_allocation__commitments_borrowed') }}
    where is_across_customers
),

tiers as (
    select * from {{ ref('int_allocation__tiers_rerated') }}
),

raised as (
    select
        billing_period, payer_account_id, from_account_id as sub_account_id, service_name, sku_id, charge_date,
        'Usage' as charge_category, 'borrowed' as component, commitment_discount_id, 'real' as cost_view, pricing_unit,
        currency, 0 as quantity, cast(null as decimal(38, 18)) as list_cost, 0 as lines_without_list_cost, amount,
        0 as line_count, false as is_upper_bound
    from transfers
    where amount <> 0
),

no_longer_borrowed as (
    select
        billing_period, payer_account_id, from_account_id as sub_account_id, service_name, sku_id, charge_date,
        'Usage' as charge_category, 'borrowed' as component, commitment_discount_id, 'standalone' as cost_view,
        pricing_unit, currency, -quantity as quantity, -list_cost as list_cost,
        -lines_without_list_cost as lines_without_list_cost, -effective_cost as amount, -line_count as line_count,
        borrower_lends_too as is_upper_bound
    from borrowed
),

on_demand as (
    select
        billing_period, payer_account_id, from_account_id as sub_account_id, service_name, sku_id, charge_date,
        'Usage' as charge_category, 'on_demand' as component, commitment_discount_id, 'standalone' as cost_view,
        pricing_unit, currency, quantity, list_cost, lines_without_list_cost, on_demand_cost as amount, line_count,
        borrower_lends_too as is_upper_bound
    from borrowed
),

-- Hours of a reservation are unused hours then; a savings plan counts in money alone.
unused as (
    select
        billing_period, payer_account_id, to_account_id as sub_account_id, service_name, sku_id, charge_date,
        'Purchase' as charge_category, 'unused' as component, commitment_discount_id, 'standalone' as cost_view,
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
        '-' as commitment_discount_id, 'standalone' as cost_view, pricing_unit, currency, 0 as quantity,
        cast(null as decimal(38, 18)) as list_cost, 0 as lines_without_list_cost,
        standalone_amount - effective_amount as amount, 0 as line_count, false as is_upper_bound
    from tiers
    where standalone_amount <> effective_amount
),

repriced as (
    select * from raised
    union all
    select * from no_longer_borrowed
    union all
    select * from on_demand
    union all
    select * from unused
    union all
    select * from tiered
)

select * from repriced
