-- One row per month, payer, account (or part of it that a tag assigns), service, SKU, day, charge category, component,
-- commitment and cost view.
-- Per payer and month `billed` sums to the vendor's bill, every other view but `standalone` to its amortised cost, to the
-- last decimal. A view: what is alike in several cost views is stored once, and shown here in each.
with

costs_seen as (
    select * from {{ ref('int_allocation__costs_seen') }}
),

payers as (
    select * from {{ ref('int_allocation__payers_billed') }}
),

views_seen_in as {{ views_seen_in() }},

costs as (
    select
        costs_seen.billing_period,
        costs_seen.billing_period as service_period,
        costs_seen.charge_date,
        costs_seen.payer_account_id,
        costs_seen.sub_account_id,
        costs_seen.assigned_by,
        payers.vendor,
        costs_seen.service_name,
        costs_seen.sku_id,
        costs_seen.charge_category,
        costs_seen.component,
        costs_seen.commitment_discount_id,
        views_seen_in.cost_view,
        costs_seen.quantity,
        costs_seen.pricing_unit,
        costs_seen.list_cost,
        case views_seen_in.cost_view
            when 'billed' then coalesce(costs_seen.billed_amount, costs_seen.amount)
            when 'real' then coalesce(costs_seen.real_amount, costs_seen.amount)
            else costs_seen.amount
        end as amount,
        costs_seen.currency,
        costs_seen.line_count,
        costs_seen.origin_account_id,
        costs_seen.origin_assigned_by,
        costs_seen.allocation_rule_id,
        costs_seen.allocation_method,
        costs_seen.allocation_ratio,
        costs_seen.is_upper_bound
    from costs_seen
    inner join views_seen_in
        on costs_seen.seen_in = views_seen_in.seen_in
    left join payers
        on costs_seen.billing_period = payers.billing_period
        and costs_seen.payer_account_id = payers.payer_account_id
)

select * from costs
