-- Fails when what is charged for API events is not, to the last decimal, what fct_api_usage shows for them.
{{ config(meta={'dagster': {'ref': {'name': 'fct_api_usage'}}}) }}
with

meters as (
    select * from {{ ref('stg_catalog__meters') }} as every_meter
    where {{ reads_api_events('every_meter') }}
),

api_charges as (
    select charge_id from {{ ref('int_rating__usage_charges') }}
    where meter_id in (select meter_id from meters)
),

sides as (
    select billing_period, currency, amount + upstream_amount as shown, 0 as charged
    from {{ in_run(ref('fct_api_usage')) }}
    where currency is not null
    union all
    select billing_period, currency, 0 as shown, amount as charged
    from {{ in_run(ref('fct_rated_charges')) }}
    where charge_id in (select charge_id from api_charges)
)

select
    billing_period,
    currency,
    sum(shown) as shown,
    sum(charged) as charged
from sides
group by billing_period, currency
having sum(shown) <> sum(charged)
