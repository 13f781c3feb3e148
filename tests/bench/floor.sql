-- The floor: landed Parquet and catalog to invoice totals in one hand-written script, no dbt, no Dagster.
-- Same semantics as the main job for the bench's month: effective view, three tiers, markups, rounding per key and per invoice.
with

lines as (
    select
        line_item_usage_account_id as account_id,
        line_item_product_code as service_name,
        product_sku as sku_id,
        case line_item_line_item_type
            when 'Usage' then line_item_unblended_cost
            when 'DiscountedUsage' then reservation_effective_cost
            when 'SavingsPlanCoveredUsage' then savings_plan_savings_plan_effective_cost
            else 0
        end as effective_cost
    from read_parquet($files)
),

costs as (
    select
        account_id,
        service_name,
        sku_id,
        cast(sum(effective_cost) as decimal(38, 12)) as cost
    from lines
    group by all
),

customers as (
    select
        owners.resource_id as account_id,
        agreements.agreement_id,
        agreements.seller_id
    from read_csv($owners, all_varchar = true) as owners
    inner join read_csv($agreements, all_varchar = true) as agreements
        on owners.party_id = agreements.buyer_id
),

resold as (
    select
        customers.agreement_id,
        customers.seller_id,
        costs.service_name,
        costs.account_id || '/' || costs.service_name || '/' || costs.sku_id as charge_key,
        cast(costs.cost * 1.03 as decimal(38, 12)) as reseller_amount
    from costs
    inner join customers on costs.account_id = customers.account_id
),

charges as (
    select
        'a-' || seller_id as agreement_id,
        charge_key,
        reseller_amount as amount
    from resold
    union all
    select
        agreement_id,
        charge_key,
        cast(reseller_amount * case service_name when 'Service3' then 1.08 else 1.05 end as decimal(38, 12)) as amount
    from resold
),

invoice_lines as (
    select
        agreement_id,
        charge_key,
        amount as exact_amount,
        cast(amount as decimal(38, 2)) as amount
    from charges
    where cast(amount as decimal(38, 2)) <> 0 or amount <> 0
)

select
    agreement_id,
    count_if(amount <> 0) as lines,
    cast(sum(exact_amount) as decimal(38, 2)) as net_amount
from invoice_lines
group by agreement_id
