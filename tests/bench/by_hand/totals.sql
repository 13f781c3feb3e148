-- The least that gives the month's invoice totals: no days, no views but the effective one, no lines kept, nothing
-- written but a row per agreement. What the peers make is this; DuckDB, PostgreSQL and Spark read this very text. In:
-- tables lines (the bill), resource_owners, agreements, subscriptions, charge_prices (the catalog's, all texts).
with

costs as (
    select
        line_item_usage_account_id as account_id,
        line_item_product_code as service_name,
        product_sku as sku_id,
        cast(
            sum(
                case line_item_line_item_type
                    when 'Usage' then line_item_unblended_cost
                    when 'DiscountedUsage' then reservation_effective_cost
                    when 'SavingsPlanCoveredUsage' then savings_plan_savings_plan_effective_cost
                    else 0
                end
            ) as decimal(24, 12)
        ) as cost
    from lines
    group by line_item_usage_account_id, line_item_product_code, product_sku
),

resold as (
    select
        agreements.agreement_id,
        agreements.seller_id,
        costs.service_name,
        cast(costs.cost * 1.03 as decimal(24, 12)) as reseller_amount
    from costs
    inner join resource_owners on costs.account_id = resource_owners.resource_id
    inner join agreements on resource_owners.party_id = agreements.buyer_id
),

seats as (
    select
        agreements.agreement_id,
        cast(subscriptions.quantity as integer) as quantity,
        cast(charge_prices.lower as integer) as lower_bound,
        cast(charge_prices.upper as integer) as upper_bound,
        cast(charge_prices.unit_price as decimal(12, 6)) as unit_price,
        cast(charge_prices.flat_fee as decimal(12, 6)) as flat_fee
    from subscriptions
    inner join agreements on subscriptions.buyer_id = agreements.buyer_id
    cross join charge_prices
),

charges as (
    select 'a-' || seller_id as agreement_id, reseller_amount as amount
    from resold
    union all
    select
        agreement_id,
        cast(reseller_amount * case service_name when 'Service3' then 1.08 else 1.05 end as decimal(24, 12)) as amount
    from resold
    union all
    select
        agreement_id,
        cast(
            (least(quantity, coalesce(upper_bound, quantity)) - lower_bound) * unit_price + flat_fee as decimal(24, 12)
        ) as amount
    from seats
    where quantity > lower_bound
)

select agreement_id, cast(sum(amount) as decimal(24, 2)) as net_amount
from charges
group by agreement_id
