-- The bill's lines as groups: the one reading of the lines from which every cost view is computed. A table, because
-- the account costs and what is shared between accounts both start here; about a tenth of the rows of the lines.
with

lines as (
    select * from {{ ref('int_allocation__lines_assigned') }}
),

types as (
    select * from {{ ref('bill_line_types') }}
),

commitments_owned as (
    select * from {{ ref('int_allocation__commitments_owned') }}
),

-- Keyed by the type alone: what the seed says of it joins the groups, a tenth of the lines (14 keys took half as long
-- again as 10 on 10 million lines).
grouped as (
    select
        billing_period,
        payer_account_id,
        usage_account_id,
        service_name,
        sku_id,
        charge_date,
        pricing_unit,
        currency,
        line_item_type,
        commitment_discount_id,
        count(*) as line_count,
        sum(billed_cost) as billed_cost,
        sum(effective_cost) as effective_cost,
        sum(billed_quantity) as billed_quantity,
        sum(effective_quantity) as effective_quantity,
        sum(list_cost) as list_cost,
        count_if(list_cost is null and billed_quantity <> 0) as lines_without_list_cost,
        sum(coalesce(contracted_cost, effective_cost)) as on_demand_cost,
        count_if(contracted_cost is null and (billed_quantity <> 0 or effective_cost <> 0)) as lines_without_price
    from lines
    group by all
),

-- Who bought what a group consumed. A commitment nobody is known to have bought counts as the using account's own.
owned as (
    select
        grouped.billing_period,
        grouped.payer_account_id,
        grouped.usage_account_id,
        coalesce(
            {{ arn_account('grouped.commitment_discount_id') }}, commitments_owned.owner_account_id, grouped.usage_account_id
        ) as owner_account_id,
        grouped.service_name,
        grouped.sku_id,
        grouped.charge_date,
        coalesce(grouped.pricing_unit, '-') as pricing_unit,
        grouped.currency,
        grouped.line_item_type,
        coalesce(grouped.commitment_discount_id, '-') as commitment_discount_id,
        case types.commitment_kind when 'reservation' then 'ri' when 'savings_plan' then 'savings_plan' end as mechanism,
        {{ of_type('charge_category') }} as charge_category,
        {{ of_type('billed_component') }} as billed_component,
        {{ of_type('effective_component') }} as effective_component,
        {{ of_type('owner_component') }} as owner_component,
        cast(grouped.line_count as bigint) as line_count,
        {{ vendor_amount('grouped.billed_cost') }} as billed_cost,
        {{ vendor_amount('grouped.effective_cost') }} as effective_cost,
        cast(grouped.billed_quantity as decimal(38, 18)) as billed_quantity,
        cast(grouped.effective_quantity as decimal(38, 18)) as effective_quantity,
        {{ vendor_amount('grouped.list_cost') }} as list_cost,
        cast(grouped.lines_without_list_cost as bigint) as lines_without_list_cost,
        {{ vendor_amount('grouped.on_demand_cost') }} as on_demand_cost,
        cast(grouped.lines_without_price as bigint) as lines_without_price
    from grouped
    left join types
        on grouped.line_item_type = types.line_item_type
    left join commitments_owned
        on grouped.billing_period = commitments_owned.billing_period
        and grouped.payer_account_id = commitments_owned.payer_account_id
        and grouped.commitment_discount_id = commitments_owned.commitment_discount_id
)

select * from owned
