-- Fails when the view effective of a payer's month is not the bill's amortised cost, to the last decimal.
{{ config(meta={'dagster': {'ref': {'name': 'fct_account_costs'}}}) }}

with

viewed as (
    select billing_period, payer_account_id, currency, sum(amount) as amount
    from {{ in_run(ref('fct_account_costs')) }}
    where cost_view = 'effective'
    group by all
),

totaled as (
    select billing_period, payer_account_id, currency, sum(effective_cost) as effective_cost
    from {{ in_run(ref('int_allocation__bill_totaled')) }}
    group by all
)

-- A view keeps no row where everything is zero.
select *
from viewed
full join totaled
    using (billing_period, payer_account_id, currency)
where coalesce(viewed.amount, 0) is distinct from coalesce(totaled.effective_cost, 0)
