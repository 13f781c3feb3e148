-- Fails when a join on the way down the chain (rule, rate, agreement) doubled a cost.
{{ config(meta={'dagster': {'ref': {'name': 'int_rating__chain_steps'}}}) }}
select
    billing_period,
    cost_id,
    depth,
    count(*) as number_of_rows
from {{ in_run(ref('int_rating__chain_steps')) }}
group by billing_period, cost_id, depth
having count(*) > 1
