-- What accounts (and the parts of them that a tag or cost category gives away) cost by day in each cost view that somebody
-- buys in: the account as a whole, and the services and tags of it that budgets name.
with

account_costs as (
    select * from {{ ref('fct_account_costs') }}
),

lines as (
    select * from {{ ref('fct_cost_and_usage') }}
),

edges as (
    select * from {{ ref('int_rating__edges_chained') }}
),

payer_views as (
    select * from {{ ref('int_rating__payer_views') }}
),

tags_assigned as (
    select * from {{ ref('int_allocation__tags_assigned') }}
),

budgets as (
    select distinct scope, scope_value, service_period from {{ ref('stg_catalog__budgets') }}
),

tag_budgets as (
    select distinct
        scope_value,
        service_period,
        split_part(scope_value, '=', 1) as tag_key,
        substr(scope_value, length(split_part(scope_value, '=', 1)) + 2) as tag_value
    from budgets
    where scope = 'tag' and position('=' in scope_value) > 1
),

-- The views somebody buys in or pays in: usually one of the five.
views_in_use as (
    select cost_view from edges
    union distinct
    select cost_view from payer_views
    union distinct
    select 'effective' as cost_view
),

grouped as (
    select
        billing_period,
        charge_date,
        payer_account_id,
        coalesce(sub_account_id, payer_account_id) as account_id,
        coalesce(assigned_by, '-') as assigned_by,
        vendor,
        service_name,
        cost_view,
        currency,
        {{ money('sum(amount)') }} as amount
    from account_costs
    where cost_view in (select cost_view from views_in_use)
    group by all
),

-- Only lines know their tags: as billed, or amortised for every other view (what accounts share bears no tag).
tagged as (
    select
        lines.billing_period,
        lines.x_charge_date as charge_date,
        lines.payer_account_id,
        coalesce(lines.sub_account_id, lines.payer_account_id) as account_id,
        coalesce(tags_assigned.assigned_by, '-') as assigned_by,
        lines.x_vendor as vendor,
        tag_budgets.scope_value,
        lines.billing_currency as currency,
        {{ money('sum(lines.billed_cost)') }} as billed_amount,
        {{ money('sum(lines.effective_cost)') }} as effective_amount
    from lines
    inner join tag_budgets
        on lines.billing_period = tag_budgets.service_period
        and tag_budgets.tag_value in (
            {{ json_text('lines.tags', 'tag_budgets.tag_key') }},
            {{ json_text('lines.tags', "'user:' || tag_budgets.tag_key") }},
            {{ json_text('lines.tags', "'user_' || tag_budgets.tag_key") }}
        )
    left join tags_assigned
        on lines.billing_period = tags_assigned.billing_period
        and {{ tags_read(
            'lines.tags', 'lines.charge_category', 'lines.commitment_discount_id', 'lines.commitment_discount_status'
        ) }} = tags_assigned.tags
        and coalesce(lines.x_cost_categories, '') = tags_assigned.cost_categories
        and {{ valid_on('tags_assigned', 'lines.x_charge_date') }}
    group by all
),

scoped as (
    select
        billing_period,
        charge_date,
        payer_account_id,
        account_id,
        assigned_by,
        vendor,
        'account' as scope,
        account_id as scope_value,
        cost_view,
        currency,
        {{ money('sum(amount)') }} as amount
    from grouped
    group by all
    union all
    select
        grouped.billing_period,
        grouped.charge_date,
        grouped.payer_account_id,
        grouped.account_id,
        grouped.assigned_by,
        grouped.vendor,
        'service' as scope,
        grouped.service_name as scope_value,
        grouped.cost_view,
        grouped.currency,
        grouped.amount
    from grouped
    inner join budgets
        on budgets.scope = 'service'
        and grouped.service_name = budgets.scope_value
        and grouped.billing_period = budgets.service_period
    union all
    select
        tagged.billing_period,
        tagged.charge_date,
        tagged.payer_account_id,
        tagged.account_id,
        tagged.assigned_by,
        tagged.vendor,
        'tag' as scope,
        tagged.scope_value,
        cost_views.cost_view,
        tagged.currency,
        case cost_views.cost_view when 'billed' then tagged.billed_amount else tagged.effective_amount end as amount
    from tagged
    inner join (select distinct billing_period, cost_view from grouped) as cost_views
        on tagged.billing_period = cost_views.billing_period
)

select * from scoped
