-- Fails when the steps of an account do not lead from billed to effective, or from effective to real, to the last decimal.
{{ config(meta={'dagster': {'ref': {'name': 'fct_account_waterfall'}}}) }}

with

walked as (
    select
        billing_period,
        payer_account_id,
        account_id,
        currency,
        sum(
            case when step = 'billed' or (step_number < 4 and not is_subtotal) then amount when step = 'effective' then -amount end
        ) as left_before_effective,
        sum(
            case when step = 'effective' or (step_number = 5) then amount when step = 'real' then -amount end
        ) as left_before_real
    from {{ in_run(ref('fct_account_waterfall')) }}
    group by all
)

select * from walked
where coalesce(left_before_effective, 0) <> 0 or coalesce(left_before_real, 0) <> 0
