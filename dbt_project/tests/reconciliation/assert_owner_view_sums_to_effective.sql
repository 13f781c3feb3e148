-- Fails when looking at a payer's month from the owners' side adds or loses money.
{{ config(meta={'dagster': {'ref': {'name': 'fct_account_costs'}}}) }}

with

viewed as (
    select
        billing_period,
        payer_account_id,
        currency,
        sum(case cost_view when 'effective' then amount else 0 end) as effective_amount,
        sum(case cost_view when 'owner' then amount else 0 end) as owner_amount,
        sum(case cost_view when 'effective' then quantity else 0 end) as effective_quantity,
        sum(case cost_view when 'owner' then quantity else 0 end) as owner_quantity
    from {{ in_run(ref('fct_account_costs')) }}
    where cost_view in ('effective', 'owner')
    group by all
)

select * from viewed
where effective_amount <> owner_amount or effective_quantity <> owner_quantity
