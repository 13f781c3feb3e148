-- Fails when units of a charge disappear between usage and price: what was used = what was priced + what was free +
-- what no tier holds (which fct_unrated_usage lists). Blocks and prorated units are no units: their lines are left out.
{{ config(meta={'dagster': {'ref': {'name': 'fct_unrated_usage'}}}) }}
with

usage_charges as (
    select * from {{ ref('int_rating__usage_charges') }}
),

sides as (
    select billing_period, subscription_id, charge_id, quantity
    from {{ in_run(ref('int_rating__usage_accumulated')) }}
    union all
    select billing_period, subscription_id, charge_id, -quantity as quantity
    from {{ in_run(ref('fct_rated_charges')) }}
    where component in ('usage', 'included', 'free') and charge_id in (select charge_id from usage_charges)
    union all
    select billing_period, subscription_id, charge_id, -quantity as quantity
    from {{ in_run(ref('fct_unrated_usage')) }}
    where kind = 'usage' and reason = 'price_gap' and meter_id is null
),

charges_without_units as (
    select charge_id from usage_charges
    where charge_model = 'flat' or prorate_units
    union
    select charge_id from {{ ref('int_rating__price_versions') }} where has_package_size
)

select
    sides.billing_period,
    sides.subscription_id,
    sides.charge_id,
    sum(sides.quantity) as difference
from sides
left join charges_without_units on sides.charge_id = charges_without_units.charge_id
where charges_without_units.charge_id is null
group by sides.billing_period, sides.subscription_id, sides.charge_id
having sum(sides.quantity) <> 0
