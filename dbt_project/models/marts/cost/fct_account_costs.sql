-- One row per month, payer, account (or part of it that a tag assigns), service, SKU, day, charge category, component,
-- commitment and cost view.
-- Per payer and month `billed` sums to the vendor's bill, every other view but `standalone` to its amortised cost, to the
-- last decimal. A view: what is alike in several cost views is stored once, and shown here in each.
{%- set cost_views = ['billed', 'effective', 'owner', 'real', 'standalone'] %}
with

costs_seen as (
    select * from {{ ref('int_allocation__costs_seen') }}
),

cost_views as (
    select * from (
        values
        {%- for cost_view in cost_views %}
        ('every view', '{{ cost_view }}'),
        {%- if cost_view != 'billed' %}
        ('every view but billed', '{{ cost_view }}'),
        {%- endif %}
        ('{{ cost_view }}', '{{ cost_view }}'){{ ',' if not loop.last }}
        {%- endfor %}
    ) as named (seen_in, cost_view)
),

costs as (
    select
        costs_seen.billing_period,
        costs_seen.billing_period as service_period,
        costs_seen.charge_date,
        costs_seen.payer_account_id,
        costs_seen.sub_account_id,
        costs_seen.assigned_by,
        'aws' as vendor,
        costs_seen.service_name,
        costs_seen.sku_id,
        costs_seen.charge_category,
        costs_seen.component,
        costs_seen.commitment_discount_id,
        cost_views.cost_view,
        costs_seen.quantity,
        costs_seen.pricing_unit,
        costs_seen.list_cost,
        costs_seen.amount,
        costs_seen.currency,
        costs_seen.line_count,
        costs_seen.origin_account_id,
        costs_seen.origin_assigned_by,
        costs_seen.allocation_rule_id,
        costs_seen.allocation_method,
        costs_seen.allocation_ratio,
        costs_seen.is_upper_bound
    from costs_seen
    inner join cost_views
        on costs_seen.seen_in = cost_views.seen_in
)

select * from costs
