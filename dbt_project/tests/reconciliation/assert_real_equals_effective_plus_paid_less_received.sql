-- Fails when an account's real cost is not its effective cost, plus what it paid, less what it received: then the view
-- `real` and the settlement tell two stories.
{{ config(meta={'dagster': {'ref': {'name': 'fct_sharing_settlement'}}}) }}

with

sides as (
    select
        billing_period, payer_account_id, sub_account_id as account_id, currency,
        case cost_view when 'real' then amount else -amount end as amount
    from {{ in_run(ref('fct_account_costs')) }}
    where cost_view in ('effective', 'real')
    union all
    select billing_period, payer_account_id, from_account_id as account_id, currency, -amount as amount
    from {{ in_run(ref('fct_sharing_settlement')) }}
    union all
    select billing_period, payer_account_id, to_account_id as account_id, currency, amount
    from {{ in_run(ref('fct_sharing_settlement')) }}
)

select billing_period, payer_account_id, account_id, currency, sum(amount) as difference
from sides
group by all
having sum(amount) <> 0
