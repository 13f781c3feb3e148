-- What accounts cost, each row with the cost views it is seen in: a view, or several in which all but the amount is alike.
-- fct_account_costs shows each view; a key is in no view twice. `amount` holds in each of the views but where
-- billed_amount or real_amount says otherwise. Works on groups of the bill's lines; what is shared between accounts is
-- added in rows of its own.
-- depends_on: {{ ref('int_allocation__bill_totaled') }} (the yardstick of the reconciliation tests, built first)
-- What is read twice is imported twice, because DuckDB writes a step down that two others read.

{#- Usage on demand, and of a commitment by its own owner, has the same key in every view, and nothing else meets it: that
    is borrowed or a purchase, or the tiers' difference on the month's last day. -#}
{%- set is_alike -%}
coalesce(
        billed_component = effective_component
        and owner_component = effective_component
        and charge_category <> 'Purchase'
        and case effective_component
            when 'on_demand' then commitment_discount_id = '-' and charge_date < last_day(billing_period)
            when 'used' then owner_account_id = usage_account_id
        end,
        false
    )
{%- endset %}
{#- Seen in all its views: as long as there is a quantity or list cost to see, or an amount in each. -#}
{%- set is_whole -%}
coalesce(
        billed_quantity = quantity
        and (quantity <> 0 or list_cost <> 0 or (billed_cost <> 0 and effective_cost <> 0 and real_cost <> 0)),
        false
    )
{%- endset %}
{%- set key -%}
billing_period, payer_account_id, sub_account_id, service_name, sku_id, charge_date, charge_category, component,
        commitment_discount_id, pricing_unit, currency
{%- endset %}
with

alike_groups as (
    select * from {{ ref('int_allocation__bill_grouped') }}
    where {{ is_alike }}
),

other_groups as (
    select * from {{ ref('int_allocation__bill_grouped') }}
    where not {{ is_alike }} and not (effective_component = 'used' and owner_account_id <> usage_account_id)
),

borrowed as (
    select * from {{ ref('int_allocation__commitments_borrowed') }}
),

lent as (
    select * from {{ ref('int_allocation__commitments_borrowed') }}
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

views_seen_in as {{ views_seen_in() }},

cost_views as (
    select * from views_seen_in
    where seen_in = 'every view'
),

-- Usage, summed once for all its views: the sum over twelve keys was three fifths of what all this costs. `real` is what the
-- borrower then owes; what is borrowed stands with its owner in the view `owner` and, from another customer, is on demand
-- in `standalone`. A type that is `used` in one view is so in all, and is usage (a test looks at the seed).
consumed as (
    select
        billing_period, payer_account_id, usage_account_id as sub_account_id, service_name, sku_id, charge_date,
        charge_category, effective_component as component, commitment_discount_id, pricing_unit, currency,
        'every view' as seen_in,
        sum(billed_quantity) as billed_quantity,
        sum(effective_quantity) as quantity,
        case when sum(lines_without_list_cost) = 0 then sum(list_cost) end as list_cost,
        sum(billed_cost) as billed_cost,
        sum(effective_cost) as effective_cost,
        sum(effective_cost) as real_cost,
        sum(line_count) as line_count
    from alike_groups
    group by all
    union all
    select
        billing_period, payer_account_id, from_account_id as sub_account_id, service_name, sku_id, charge_date,
        'Usage' as charge_category, 'borrowed' as component, commitment_discount_id, pricing_unit, currency,
        case when is_across_customers then 'billed, effective and real' else 'every view but owner' end as seen_in,
        billed_quantity,
        quantity,
        case when lines_without_list_cost = 0 then list_cost end as list_cost,
        billed_cost,
        effective_cost,
        case when owed_to_account_id is not null then on_demand_cost else effective_cost end as real_cost,
        line_count
    from borrowed
),

consumed_whole as (
    select
        {{ key }}, seen_in, quantity, list_cost, effective_cost as amount,
        nullif(billed_cost, effective_cost) as billed_amount, nullif(real_cost, effective_cost) as real_amount,
        line_count, false as is_upper_bound
    from consumed
    where {{ is_whole }}
),

consumed_apart as (
    select
        {{ key }}, views_seen_in.cost_view as seen_in,
        case views_seen_in.cost_view when 'billed' then billed_quantity else quantity end as quantity, list_cost,
        case views_seen_in.cost_view when 'billed' then billed_cost when 'real' then real_cost else effective_cost end
            as amount,
        line_count, false as is_upper_bound
    from consumed
    inner join views_seen_in
        on consumed.seen_in = views_seen_in.seen_in
    where not {{ is_whole }}
),

-- Purchases, and usage on the last day. `real` and `standalone` start as `effective`.
others_seen as (
    select
        other_groups.*,
        cost_views.cost_view,
        case cost_views.cost_view
            when 'billed' then other_groups.billed_component
            when 'owner' then other_groups.owner_component
            else other_groups.effective_component
        end as component
    from other_groups
    cross join cost_views
),

placed as (
    select
        billing_period, payer_account_id,
        case when component = 'unused' then owner_account_id else usage_account_id end as sub_account_id,
        service_name, sku_id, charge_date, charge_category, component, commitment_discount_id, pricing_unit, currency,
        case cost_view when 'billed' then billed_quantity else effective_quantity end as quantity,
        case when component <> 'unused' then list_cost end as list_cost,
        case when component <> 'unused' then lines_without_list_cost else 0 end as lines_without_list_cost,
        case cost_view when 'billed' then billed_cost else effective_cost end as amount,
        line_count,
        false as is_upper_bound,
        cost_view as seen_in
    from others_seen
    union all
    select *, 'standalone' as seen_in from repriced
    union all
    select
        billing_period, payer_account_id, to_account_id as sub_account_id, service_name, sku_id, charge_date,
        'Usage' as charge_category, 'lent' as component, commitment_discount_id, pricing_unit, currency, quantity,
        list_cost, lines_without_list_cost, effective_cost as amount, line_count, false as is_upper_bound,
        'owner' as seen_in
    from lent
),

-- Several borrowers of one commitment meet in the owner's row, the tiers' difference in the row of the usage.
summed as (
    select
        {{ key }}, seen_in,
        sum(quantity) as quantity,
        case when sum(lines_without_list_cost) = 0 then sum(list_cost) end as list_cost,
        sum(amount) as amount,
        sum(line_count) as line_count,
        max(case when is_upper_bound then 1 else 0 end) = 1 as is_upper_bound
    from placed
    group by all
),

-- Nothing remains of a fee wholly used or an upfront fee amortised elsewhere; the bill itself is kept line for line.
of_one_view as (
    select * from (
        select * from consumed_apart
        union all
        select * from summed
    ) as every_row
    where seen_in = 'billed' or amount <> 0 or quantity <> 0 or list_cost <> 0
),

-- Who gains by a transfer is credited; who pays it in no usage row of its own is charged.
settled as (
    select
        transfers.*,
        case direction when -1 then to_account_id else from_account_id end as sub_account_id,
        case direction when -1 then from_account_id else to_account_id end as origin_part,
        direction * amount as settled_amount
    from transfers
    cross join (values (-1), (1)) as directions (direction)
    where direction = -1 or commitment_discount_id = '-'
),

settlements as (
    select
        billing_period, payer_account_id, sub_account_id, service_name, sku_id, charge_date, commitment_discount_id,
        pricing_unit, currency, origin_part,
        sum(settled_amount) as amount
    from settled
    group by all
),

-- Written down, because it is sorted below and may be larger than memory.
kept as {{ written_down() }} (
    select
        {{ key }}, seen_in, quantity, list_cost, amount, billed_amount, real_amount, line_count, is_upper_bound,
        '-' as origin_part, '-' as allocation_rule_id, cast(null as varchar) as allocation_method,
        cast(null as decimal(38, 12)) as allocation_ratio
    from consumed_whole
    union all
    select
        {{ key }}, seen_in, quantity, list_cost, amount, null as billed_amount, null as real_amount, line_count,
        is_upper_bound, '-' as origin_part, '-' as allocation_rule_id, null as allocation_method, null as allocation_ratio
    from of_one_view
    union all
    select
        billing_period, payer_account_id, sub_account_id, service_name, sku_id, charge_date,
        'Adjustment' as charge_category, 'settlement' as component, commitment_discount_id, pricing_unit, currency,
        'real' as seen_in, 0 as quantity, null as list_cost, amount, null as billed_amount, null as real_amount,
        0 as line_count, false as is_upper_bound, origin_part, '-' as allocation_rule_id, null as allocation_method,
        null as allocation_ratio
    from settlements
    where amount <> 0
    union all
    -- A shared charge moves on the month's last day, alike in every view but the bill's own.
    select
        billing_period, payer_account_id, account_id as sub_account_id, service_name, sku_id,
        last_day(billing_period) as charge_date, charge_category, 'shared' as component, '-' as commitment_discount_id,
        '-' as pricing_unit, currency, 'every view but billed' as seen_in, 0 as quantity, null as list_cost, amount,
        null as billed_amount, null as real_amount, 0 as line_count, false as is_upper_bound,
        origin_account_id as origin_part, allocation_rule_id, allocation_method, allocation_ratio
    from shared
),

costs as (
    select
        billing_period,
        charge_date,
        payer_account_id,
        {{ part_account('sub_account_id') }} as sub_account_id,
        {{ part_assigned_by('sub_account_id') }} as assigned_by,
        service_name,
        sku_id,
        charge_category,
        component,
        commitment_discount_id,
        seen_in,
        cast(quantity as decimal(38, 18)) as quantity,
        pricing_unit,
        {{ vendor_amount('list_cost') }} as list_cost,
        {{ vendor_amount('amount') }} as amount,
        {{ vendor_amount('billed_amount') }} as billed_amount,
        {{ vendor_amount('real_amount') }} as real_amount,
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

-- In the order of the key: equal rows then give an equal export, which has more rows to sort.
select * from costs
order by
    payer_account_id, sub_account_id, assigned_by, service_name, sku_id, charge_category, component,
    commitment_discount_id, charge_date, pricing_unit, currency, origin_account_id, origin_assigned_by,
    allocation_rule_id, seen_in
