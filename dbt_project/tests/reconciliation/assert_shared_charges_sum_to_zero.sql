-- Fails when the parts of a shared charge are not its origin, in any view, or the view `billed` moved.
{{ config(meta={'dagster': {'ref': {'name': 'fct_account_costs'}}}) }}

select
    billing_period,
    payer_account_id,
    allocation_rule_id,
    origin_account_id,
    service_name,
    sku_id,
    charge_category,
    cost_view,
    currency,
    sum(amount) as difference
from {{ in_run(ref('fct_account_costs')) }}
where component = 'shared'
group by all
having sum(amount) <> 0 or cost_view = 'billed'
