-- One row per month, payer, account, service, SKU, day, charge category, component, commitment and cost view.
-- Per payer and month `billed` sums to the vendor's bill, `effective` and `owner` to its amortised cost, to the last
-- decimal. The bill is read once: lines are grouped first, all else happens to groups.
-- depends_on: {{ ref('int_allocation__bill_totaled') }} (the yardstick of the reconciliation tests, built first)
with

lines as (
    select * from {{ ref('int_allocation__lines_classified') }}
),

types as (
    select * from {{ ref('aws_line_item_types') }}
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
        count_if(list_cost is null and billed_quantity <> 0) as lines_without_list_cost
    from lines
    group by all
),

-- Who bought what a group consumed. A commitment whose ARN is missing counts as the using account's own.
owned as (
    select
        grouped.*,
        {{ of_type('charge_category') }} as charge_category,
        {{ of_type('billed_component') }} as billed_component,
        {{ of_type('effective_component') }} as effective_component,
        {{ of_type('owner_component') }} as owner_component,
        coalesce({{ arn_account('grouped.commitment_discount_id') }}, grouped.usage_account_id) as owner_account_id
    from grouped
    left join types
        on grouped.line_item_type = types.line_item_type
),

cost_views as (
    select 'billed' as cost_view
    union all
    select 'effective' as cost_view
    union all
    select 'owner' as cost_view
),

seen as (
    select
        owned.*,
        cost_views.cost_view,
        case cost_views.cost_view
            when 'billed' then owned.billed_component
            when 'effective' then owned.effective_component
            else owned.owner_component
        end as own_component
    from owned
    cross join cost_views
),

placed as (
    select
        billing_period,
        payer_account_id,
        case
            when own_component = 'unused' or (own_component = 'used' and cost_view = 'owner') then owner_account_id
            else usage_account_id
        end as sub_account_id,
        service_name,
        sku_id,
        charge_date,
        charge_category,
        case
            when own_component = 'used' and owner_account_id <> usage_account_id
                then case cost_view when 'owner' then 'lent' else 'borrowed' end
            else own_component
        end as component,
        coalesce(commitment_discount_id, '-') as commitment_discount_id,
        cost_view,
        coalesce(pricing_unit, '-') as pricing_unit,
        currency,
        case cost_view when 'billed' then billed_quantity else effective_quantity end as quantity,
        case when own_component <> 'unused' then list_cost end as list_cost,
        case when own_component <> 'unused' then lines_without_list_cost else 0 end as lines_without_list_cost,
        case cost_view when 'billed' then billed_cost else effective_cost end as amount,
        line_count
    from seen
),

-- Several borrowers of one commitment meet in the owner's row, a negation in the row of the usage it takes back.
summed as (
    select
        billing_period,
        billing_period as service_period,
        charge_date,
        payer_account_id,
        sub_account_id,
        'aws' as vendor,
        service_name,
        sku_id,
        charge_category,
        component,
        commitment_discount_id,
        cost_view,
        cast(sum(quantity) as decimal(38, 18)) as quantity,
        pricing_unit,
        {{ vendor_amount('case when sum(lines_without_list_cost) = 0 then sum(list_cost) end') }} as list_cost,
        {{ vendor_amount('sum(amount)') }} as amount,
        currency,
        cast(sum(line_count) as bigint) as line_count
    from placed
    group by all
),

-- Nothing remains of a fee wholly used or an upfront fee amortised elsewhere; the bill itself is kept line for line.
kept as (
    select * from summed
    where cost_view = 'billed' or amount <> 0 or quantity <> 0 or list_cost <> 0
)

select * from kept
