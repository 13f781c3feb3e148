-- Fails when settling what accounts shared adds to a payer's month or loses from it: the view `real` only moves money.
{{ config(meta={'dagster': {'ref': {'name': 'fct_account_costs'}}}) }}

select
    billing_period,
    payer_account_id,
    currency,
    sum(case cost_view when 'real' then amount else -amount end) as difference
from {{ in_run(ref('fct_account_costs')) }}
where cost_view in ('effective', 'real')
group by all
having sum(case cost_view when 'real' then amount else -amount end) <> 0
