-- Fails when a join to owners, payers or segments lost or doubled a cost: two owners of an account on one day, say. Of the
-- cost views somebody buys in, and `effective`.
{{ config(meta={'dagster': {'ref': {'name': 'int_rating__costs_assigned'}}}) }}
with

views_in_use as (
    select cost_view from {{ ref('stg_catalog__agreements') }}
    union distinct
    select 'effective' as cost_view
),

sides as (
    select billing_period, payer_account_id, cost_view, currency, amount
    from {{ in_run(ref('fct_account_costs')) }}
    where cost_view in (select cost_view from views_in_use)
    union all
    select billing_period, payer_account_id, cost_view, currency, -vendor_amount as amount
    from {{ in_run(ref('int_rating__costs_assigned')) }}
)

select
    billing_period,
    payer_account_id,
    cost_view,
    currency,
    sum(amount) as difference
from sides
group by billing_period, payer_account_id, cost_view, currency
having sum(amount) <> 0
