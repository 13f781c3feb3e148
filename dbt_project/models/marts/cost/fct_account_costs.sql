-- One row per month, payer, account (or part of it that a tag assigns), service, SKU, day, charge category, component, commitment and cost view.
-- Per payer and month `billed` sums to the vendor's bill, every other view but `standalone` to its amortised cost, to the
-- last decimal. Works on groups of the bill's lines; what is shared between accounts is added in rows of its own.
-- depends_on: {{ ref('int_allocation__bill_totaled') }} (the yardstick of the reconciliation tests, built first)
with

groups as (
    select * from {{ ref('int_allocation__bill_grouped') }}
),

repriced as (
    select * from {{ ref('int_allocation__costs_repriced') }}
),

transfers as (
    select * from {{ ref('int_allocation__transfers') }}
    where amount <> 0
),

shared as (
    select * from {{ ref('int_allocation__charges_shared') }}
),

-- `real` and `standalone` start as `effective`.
cost_views as (
    select 'billed' as cost_view
    union all
    select 'effective' as cost_view
    union all
    select 'owner' as cost_view
    union all
    select 'real' as cost_view
    union all
    select 'standalone' as cost_view
),

-- Plain usage is one row with the same key in every view: nothing of a commitment meets it (that has other components
-- or is a purchase), and the tiers' difference does so on the month's last day alone.
told_apart as (
    select
        *,
        coalesce(
            billed_component = 'on_demand' and effective_component = 'on_demand' and owner_component = 'on_demand'
            and charge_category <> 'Purchase' and commitment_discount_id = '-' and charge_date < last_day(billing_period),
            false
        ) as is_plain
    from groups
),

-- So it is summed once, not five times: the sum over twelve keys was three fifths of this model's cost.
plain_summed as (
    select
        billing_period,
        payer_account_id,
        usage_account_id,
        service_name,
        sku_id,
        charge_date,
        charge_category,
        pricing_unit,
        currency,
        sum(billed_quantity) as billed_quantity,
        sum(effective_quantity) as effective_quantity,
        case when sum(lines_without_list_cost) = 0 then sum(list_cost) end as list_cost,
        sum(billed_cost) as billed_cost,
        sum(effective_cost) as effective_cost,
        sum(line_count) as line_count
    from told_apart
    where is_plain
    group by all
),

plain as (
    select
        plain_summed.billing_period,
        plain_summed.payer_account_id,
        plain_summed.usage_account_id as sub_account_id,
        plain_summed.service_name,
        plain_summed.sku_id,
        plain_summed.charge_date,
        plain_summed.charge_category,
        'on_demand' as component,
        '-' as commitment_discount_id,
        cost_views.cost_view,
        plain_summed.pricing_unit,
        plain_summed.currency,
        '-' as origin_part,
        '-' as allocation_rule_id,
        cast(null as varchar) as allocation_method,
        cast(null as decimal(38, 12)) as allocation_ratio,
        cast(case cost_views.cost_view when 'billed' then billed_quantity else effective_quantity end as decimal(38, 18)) as quantity,
        {{ vendor_amount('plain_summed.list_cost') }} as list_cost,
        {{ vendor_amount("case cost_views.cost_view when 'billed' then billed_cost else effective_cost end") }} as amount,
        plain_summed.line_count,
        false as is_upper_bound
    from plain_summed
    cross join cost_views
),

seen as (
    select
        told_apart.*,
        cost_views.cost_view,
        case cost_views.cost_view
            when 'billed' then told_apart.billed_component
            when 'owner' then told_apart.owner_component
            else told_apart.effective_component
        end as own_component
    from told_apart
    cross join cost_views
    where not told_apart.is_plain
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
        commitment_discount_id,
        cost_view,
        pricing_unit,
        currency,
        case cost_view when 'billed' then billed_quantity else effective_quantity end as quantity,
        case when own_component <> 'unused' then list_cost end as list_cost,
        case when own_component <> 'unused' then lines_without_list_cost else 0 end as lines_without_list_cost,
        case cost_view when 'billed' then billed_cost else effective_cost end as amount,
        line_count,
        false as is_upper_bound
    from seen
    union all
    select * from repriced
),

-- Several borrowers of one commitment meet in the owner's row, a negation in the row of the usage it takes back.
summed as (
    select
        billing_period,
        payer_account_id,
        sub_account_id,
        service_name,
        sku_id,
        charge_date,
        charge_category,
        component,
        commitment_discount_id,
        cost_view,
        pricing_unit,
        currency,
        '-' as origin_part,
        '-' as allocation_rule_id,
        cast(null as varchar) as allocation_method,
        cast(null as decimal(38, 12)) as allocation_ratio,
        cast(sum(quantity) as decimal(38, 18)) as quantity,
        {{ vendor_amount('case when sum(lines_without_list_cost) = 0 then sum(list_cost) end') }} as list_cost,
        {{ vendor_amount('sum(amount)') }} as amount,
        sum(line_count) as line_count,
        max(case when is_upper_bound then 1 else 0 end) = 1 as is_upper_bound
    from placed
    group by all
),

-- Who gains by a transfer is credited; who pays it in no usage row of its own is charged.
settled as (
    select *, to_account_id as sub_account_id, from_account_id as origin_part, -amount as settled_amount
    from transfers
    union all
    select *, from_account_id as sub_account_id, to_account_id as origin_part, amount as settled_amount
    from transfers
    where commitment_discount_id = '-'
),

settlements as (
    select
        billing_period,
        payer_account_id,
        sub_account_id,
        service_name,
        sku_id,
        charge_date,
        'Adjustment' as charge_category,
        'settlement' as component,
        commitment_discount_id,
        'real' as cost_view,
        pricing_unit,
        currency,
        origin_part,
        '-' as allocation_rule_id,
        cast(null as varchar) as allocation_method,
        cast(null as decimal(38, 12)) as allocation_ratio,
        cast(0 as decimal(38, 18)) as quantity,
        cast(null as decimal(38, 18)) as list_cost,
        {{ vendor_amount('sum(settled_amount)') }} as amount,
        0 as line_count,
        false as is_upper_bound
    from settled
    group by all
),

-- A shared charge moves on the month's last day, alike in every view but the bill's own.
allocated as (
    select
        shared.billing_period,
        shared.payer_account_id,
        shared.account_id as sub_account_id,
        shared.service_name,
        shared.sku_id,
        last_day(shared.billing_period) as charge_date,
        shared.charge_category,
        'shared' as component,
        '-' as commitment_discount_id,
        cost_views.cost_view,
        '-' as pricing_unit,
        shared.currency,
        shared.origin_account_id as origin_part,
        shared.allocation_rule_id,
        shared.allocation_method,
        shared.allocation_ratio,
        cast(0 as decimal(38, 18)) as quantity,
        cast(null as decimal(38, 18)) as list_cost,
        shared.amount,
        0 as line_count,
        false as is_upper_bound
    from shared
    inner join cost_views
        on cost_views.cost_view <> 'billed'
),

-- Nothing remains of a fee wholly used or an upfront fee amortised elsewhere; the bill itself is kept line for line.
kept as (
    select * from summed
    where cost_view = 'billed' or amount <> 0 or quantity <> 0 or list_cost <> 0
    union all
    select * from plain
    where cost_view = 'billed' or amount <> 0 or quantity <> 0 or list_cost <> 0
    union all
    select * from settlements
    where amount <> 0
    union all
    select * from allocated
),

costs as (
    select
        billing_period,
        billing_period as service_period,
        charge_date,
        payer_account_id,
        {{ part_account('sub_account_id') }} as sub_account_id,
        {{ part_assigned_by('sub_account_id') }} as assigned_by,
        'aws' as vendor,
        service_name,
        sku_id,
        charge_category,
        component,
        commitment_discount_id,
        cost_view,
        quantity,
        pricing_unit,
        list_cost,
        amount,
        currency,
        cast(line_count as bigint) as line_count,
        {{ part_account('origin_part') }} as origin_account_id,
        {{ part_assigned_by('origin_part') }} as origin_assigned_by,
        allocation_rule_id,
        allocation_method,
        allocation_ratio,
        is_upper_bound
    from kept
)

select * from costs
