-- Everything a cost needs on its way down, one row per cost and edge: the rule, the rate into the edge's currency, the
-- cost view the edge is priced in and the one the edge above it was. Each cost is walked in every view some edge of its
-- path is priced in, because an edge's upstream is what the edge above really charges, in its own view.
with

costs as (
    select * from {{ ref('int_rating__costs_assigned') }}
),

edges as (
    select * from {{ ref('int_rating__edges_chained') }}
),

rules as (
    select * from {{ ref('int_rating__rules_matched') }}
),

agreements as (
    select * from {{ ref('stg_catalog__agreements') }}
),

fx_rates as (
    select * from {{ ref('int_rating__edge_rates') }}
),

locked_rates as (
    select * from fx_rates where from_currency = 'ANY'
),

steps as (
    select
        edges.*,
        lag(edges.cost_view) over (
            partition by
                edges.billing_period, edges.segment_start, edges.vendor, edges.root_party_id, edges.owner_party_id
            order by edges.depth
        ) as view_above,
        lag(case when edges.depth > 0 then edges.currency end) over (
            partition by
                edges.billing_period, edges.segment_start, edges.vendor, edges.root_party_id, edges.owner_party_id
            order by edges.depth
        ) as currency_above
    from edges
),

walked_views as (
    select distinct billing_period, segment_start, vendor, root_party_id, owner_party_id, cost_view from edges
),

-- The vendor's edge is the bill itself, so the currency above the first edge is always the bill's.
cost_steps as (
    select
        costs.billing_period,
        costs.service_period,
        costs.segment_start,
        costs.cost_id,
        costs.cost_view,
        costs.vendor,
        costs.account_id,
        costs.service_name,
        costs.sku_id,
        costs.charge_category,
        costs.has_list_cost,
        costs.quantity,
        steps.depth,
        steps.agreement_id,
        steps.seller_id,
        steps.buyer_id,
        steps.is_vendor_edge,
        steps.cost_view as edge_view,
        coalesce(steps.view_above, steps.cost_view) as upstream_view,
        coalesce(steps.currency_above, costs.currency) as upstream_currency,
        case when steps.depth = 0 then costs.currency else steps.currency end as currency
    from costs
    inner join walked_views
        on costs.billing_period = walked_views.billing_period
        and costs.segment_start = walked_views.segment_start
        and costs.vendor = walked_views.vendor
        and costs.root_party_id = walked_views.root_party_id
        and costs.owner_party_id = walked_views.owner_party_id
        and costs.cost_view = walked_views.cost_view
    inner join steps
        on costs.billing_period = steps.billing_period
        and costs.segment_start = steps.segment_start
        and costs.vendor = steps.vendor
        and costs.root_party_id = steps.root_party_id
        and costs.owner_party_id = steps.owner_party_id
),

priced_steps as (
    select
        cost_steps.billing_period,
        cost_steps.service_period,
        cost_steps.cost_id,
        cost_steps.cost_view,
        cost_steps.depth,
        cost_steps.agreement_id,
        cost_steps.seller_id,
        cost_steps.buyer_id,
        cost_steps.is_vendor_edge,
        cost_steps.edge_view,
        cost_steps.upstream_view,
        cost_steps.upstream_currency,
        cost_steps.currency,
        cost_steps.quantity,
        cast(
            case
                when cost_steps.upstream_currency = cost_steps.currency then 1
                else coalesce(locked_rates.rate, fx_rates.rate, agreements.fx_fixed_rate)
            end as decimal(38, 12)
        ) as fx_rate,
        rules.price_rule_id,
        coalesce(rules.tax_category, 'standard') as tax_category,
        rules.value,
        -- A discount and a fixed price need a list price, and are for usage unless the rule names the category.
        case
            when rules.kind = 'discount' and cost_steps.has_list_cost
                and (cost_steps.charge_category = 'Usage' or rules.names_category) then 'discount'
            when rules.kind = 'fixed' and cost_steps.has_list_cost and cost_steps.charge_category = 'Usage' then 'fixed'
            when rules.kind = 'markup' then 'markup'
            else 'pass_through'
        end as price_kind,
        -- The vendor's tax is not resold: tax is computed on each edge. A rule can pass it through by naming it.
        cost_steps.depth = 0
        or cost_steps.charge_category <> 'Tax'
        or coalesce(rules.kind = 'pass_through', false) as is_resold
    from cost_steps
    left join rules
        on cost_steps.billing_period = rules.billing_period
        and cost_steps.segment_start = rules.segment_start
        and cost_steps.agreement_id = rules.agreement_id
        and cost_steps.vendor = rules.vendor
        and cost_steps.account_id = rules.account_id
        and cost_steps.service_name = rules.service_name
        and cost_steps.sku_id = rules.sku_id
        and cost_steps.charge_category = rules.charge_category
    inner join agreements on cost_steps.agreement_id = agreements.agreement_id
    left join fx_rates
        on cost_steps.agreement_id = fx_rates.agreement_id
        and cost_steps.service_period = fx_rates.service_period
        and cost_steps.upstream_currency = fx_rates.from_currency
    left join locked_rates
        on cost_steps.agreement_id = locked_rates.agreement_id
        and cost_steps.service_period = locked_rates.service_period
)

select * from priced_steps
