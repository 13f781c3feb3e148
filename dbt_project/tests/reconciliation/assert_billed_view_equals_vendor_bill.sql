-- Fails when the view billed of a payer's month is not the vendor's bill, to the last decimal.
{{ config(meta={'dagster': {'ref': {'name': 'fct_account_costs'}}}) }}

with

viewed as (
    select billing_period, payer_account_id, currency, sum(amount) as amount
    from {{ in_run(ref('fct_account_costs')) }}
    where cost_view = 'billed'
    group by all
),

totaled as (
    select billing_period, payer_account_id, currency, sum(billed_cost) as billed_cost
    from {{ in_run(ref('int_allocation__bill_totaled')) }}
    group by all
)

select *
from viewed
full join totaled
    using (billing_period, payer_account_id, currency)
where viewed.amount is distinct from totaled.billed_cost
