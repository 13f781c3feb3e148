-- Fails when the view `standalone` of a payer's month is anything else than the effective total plus the on-demand price
-- of what one customer used of another's commitments (that usage is paid twice then: on demand, and as unused), and
-- what pooled tiers saved.
{{ config(meta={'dagster': {'ref': {'name': 'fct_account_costs'}}}) }}

with

sides as (
    select
        billing_period, payer_account_id, currency,
        case cost_view when 'standalone' then amount else -amount end as amount
    from {{ in_run(ref('fct_account_costs')) }}
    where cost_view in ('effective', 'standalone')
    union all
    select billing_period, payer_account_id, currency, -on_demand_cost as amount
    from {{ in_run(ref('int_allocation__commitments_borrowed')) }}
    where is_across_customers
    union all
    select billing_period, payer_account_id, currency, effective_amount - standalone_amount as amount
    from {{ in_run(ref('int_allocation__tiers_rerated')) }}
)

select billing_period, payer_account_id, currency, sum(amount) as difference
from sides
group by all
having sum(amount) <> 0
