-- One row per month, payer, paying account, receiving account (or parts of them) and mechanism: what `from` owes `to` for what was shared.
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
        {{ part_account('from_account_id') }} as from_account_id,
        {{ part_assigned_by('from_account_id') }} as from_assigned_by,
        {{ part_account('to_account_id') }} as to_account_id,
        {{ part_assigned_by('to_account_id') }} as to_assigned_by,
        mechanism,
        {{ vendor_amount('sum(amount)') }} as amount,
        {{ vendor_amount('sum(lent_amount)') }} as lent_amount,
        currency
    from transfers
    group by all
)

select * from settlement
