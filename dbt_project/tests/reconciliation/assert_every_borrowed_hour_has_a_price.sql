-- Fails when something was borrowed whose on-demand price neither the contract nor the public list of the bill tells,
-- in a month in which an agreement sells on real or standalone cost: what the borrower owes is unknown. Ask the vendor
-- for the bill with prices, and run the month again; until then the effective cost stands in, so that nothing is owed and
-- no total moves. Where nobody sells on those views, fct_unrated_usage lists the same rows and they hold the close. The
-- failing commitments stay readable in test_failures.assert_every_borrowed_hour_has_a_price.
-- depends_on: {{ ref('fct_account_costs') }} (costed first: the amounts can be seen while what follows is held)
{{ config(
    store_failures=true,
    schema='test_failures',
    meta={'dagster': {'ref': {'name': 'fct_account_costs'}}}
) }}

select
    billing_period,
    payer_account_id,
    from_account_id,
    to_account_id,
    commitment_discount_id,
    service_name,
    sku_id,
    sum(lines_without_price) as line_count,
    sum(quantity) as quantity,
    sum(effective_cost) as effective_cost,
    currency
from {{ in_run(ref('int_allocation__commitments_borrowed')) }} as borrowed
where
    lines_without_price > 0
    and exists (
        select 1 from {{ ref('stg_catalog__agreements') }} as agreements
        where
            agreements.cost_view in ('real', 'standalone')
            and agreements.valid_from <= last_day(borrowed.billing_period)
            and agreements.valid_to > borrowed.billing_period
    )
group by all
