-- The least that gives the month's invoice totals: no days, no views but the effective one, no lines kept, nothing
-- written but a row per agreement. What the peers make is this. In: variables files and catalog.
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
            ) as decimal(38, 12)
        ) as cost
    from read_parquet(getvariable('files'))
    group by all
),

customers as (
    select
        owners.resource_id as account_id,
        agreements.agreement_id,
        agreements.seller_id
    from read_csv(getvariable('catalog') || '/resource_owners.csv', all_varchar = true) as owners
    inner join read_csv(getvariable('catalog') || '/agreements.csv', all_varchar = true) as agreements
        on owners.party_id = agreements.buyer_id
),

resold as (
    select
        customers.agreement_id,
        customers.seller_id,
        costs.service_name,
        cast(costs.cost * 1.03 as decimal(38, 12)) as reseller_amount
    from costs
    inner join customers on costs.account_id = customers.account_id
),

seats as (
    select
        agreements.agreement_id,
        (least(cast(seats.quantity as integer), coalesce(cast(tiers.upper as integer), cast(seats.quantity as integer))) - cast(tiers.lower as integer))
        * cast(tiers.unit_price as decimal(18, 6)) as amount,
        cast(tiers.flat_fee as decimal(18, 6)) as fee
    from read_csv(getvariable('catalog') || '/subscriptions.csv', all_varchar = true) as seats
    inner join read_csv(getvariable('catalog') || '/charge_prices.csv', all_varchar = true) as tiers
        on cast(seats.quantity as integer) > cast(tiers.lower as integer)
    inner join read_csv(getvariable('catalog') || '/agreements.csv', all_varchar = true) as agreements
        on seats.buyer_id = agreements.buyer_id
),

charges as (
    select 'a-' || seller_id as agreement_id, reseller_amount as amount
    from resold
    union all
    select agreement_id, cast(reseller_amount * case service_name when 'Service3' then 1.08 else 1.05 end as decimal(38, 12))
    from resold
    union all
    select agreement_id, cast(sum(amount) + sum(fee) as decimal(38, 12))
    from seats
    group by agreement_id
)

select agreement_id, cast(sum(amount) as decimal(38, 2)) as net_amount
from charges
group by agreement_id
