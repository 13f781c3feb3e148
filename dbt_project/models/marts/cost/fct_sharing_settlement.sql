-- One row per month, payer, paying account, receiving account and mechanism: what `from` owes `to` for what was shared.
-- For every account real = effective + paid - received; over a payer's month the transfers net to zero.
with

transfers as (
    select * from {{ ref('int_allocation__transfers') }}
),

settlement as (
    select
        billing_period,
        billing_period as service_period,
        payer_account_id,
        from_account_id,
        to_account_id,
        mechanism,
        {{ vendor_amount('sum(amount)') }} as amount,
        {{ vendor_amount('sum(lent_amount)') }} as lent_amount,
        currency
    from transfers
    group by all
)

select * from settlement
