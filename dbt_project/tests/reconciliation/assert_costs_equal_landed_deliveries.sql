-- Fails when the lines and the money of a delivery, as costed, are not those its landing counted (control totals).
-- depends_on: {{ ref('fct_account_costs') }} (costed first: the amounts can be seen while what follows is held)
{{ config(meta={'dagster': {'ref': {'name': 'fct_account_costs'}}}) }}

with

totaled as (
    select
        billing_period,
        delivery_id,
        currency,
        sum(line_count) as line_count,
        sum(billed_cost) as billed_cost
    from {{ in_run(ref('int_allocation__bill_totaled')) }}
    group by all
),

landed as (
    select billing_period, delivery_id, currency, sum(rows_loaded) as line_count, sum(amount_landed) as billed_cost
    from {{ source('lake', 'delivery_totals') }}
    where source in ('aws_cur', 'focus')
    group by all
)

select
    totaled.billing_period,
    totaled.delivery_id,
    totaled.currency,
    landed.line_count as landed_line_count,
    totaled.line_count,
    landed.billed_cost as landed_cost,
    totaled.billed_cost
from totaled
inner join landed
    on totaled.billing_period = landed.billing_period
    and totaled.delivery_id = landed.delivery_id
    and totaled.currency = landed.currency
where totaled.line_count <> landed.line_count or totaled.billed_cost <> landed.billed_cost
