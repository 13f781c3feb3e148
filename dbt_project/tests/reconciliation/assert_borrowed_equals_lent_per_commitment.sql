-- Fails when what accounts borrowed from a commitment on a day is not what its owner lent.
{{ config(meta={'dagster': {'ref': {'name': 'fct_account_costs'}}}) }}

with

shared as (
    select
        billing_period,
        payer_account_id,
        commitment_discount_id,
        service_name,
        sku_id,
        charge_date,
        currency,
        sum(case component when 'borrowed' then amount else 0 end) as borrowed_amount,
        sum(case component when 'lent' then amount else 0 end) as lent_amount,
        sum(case component when 'borrowed' then quantity else 0 end) as borrowed_quantity,
        sum(case component when 'lent' then quantity else 0 end) as lent_quantity
    from {{ in_run(ref('fct_account_costs')) }}
    where
        (cost_view = 'effective' and component = 'borrowed')
        or (cost_view = 'owner' and component = 'lent')
    group by all
)

select * from shared
where borrowed_amount <> lent_amount or borrowed_quantity <> lent_quantity
