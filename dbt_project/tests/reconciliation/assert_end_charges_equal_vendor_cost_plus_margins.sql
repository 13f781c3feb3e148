-- Fails when, in some currency, what end customers are charged for cloud cost is not the vendor cost that entered the
-- first edges plus all margins and conversions, to the last decimal.
{{ config(meta={'dagster': {'ref': {'name': 'fct_margin'}}}) }}
with

costs as (
    select * from {{ in_run(ref('int_rating__costs_assigned')) }}
),

first_steps as (
    select * from {{ in_run(ref('int_rating__chain_steps')) }}
    where depth = 1 and is_resold and fx_rate is not null
),

charges as (
    select * from {{ in_run(ref('fct_rated_charges')) }}
    where not is_vendor_edge
),

margins as (
    select * from {{ in_run(ref('fct_margin')) }}
),

sides as (
    select costs.billing_period, costs.currency, costs.amount
    from costs
    inner join first_steps
        on costs.billing_period = first_steps.billing_period
        and costs.cost_id = first_steps.cost_id
        and costs.cost_view = first_steps.upstream_view
    union all
    select billing_period, currency, margin as amount
    from margins
    union all
    select billing_period, currency, -amount as amount
    from charges
    where consumer_id = buyer_id
)

select
    billing_period,
    currency,
    sum(amount) as difference
from sides
group by billing_period, currency
having sum(amount) <> 0
