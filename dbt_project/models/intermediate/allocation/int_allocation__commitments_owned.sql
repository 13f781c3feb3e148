-- Whose the commitments of FOCUS bills are: FOCUS has no column for it, but their purchase, and what nobody used of them,
-- stand with the account that bought them. AWS's ids name their owner themselves.
with

lines as (
    select * from {{ ref('int_allocation__focus_lines_classified') }}
    where commitment_discount_id is not null and (charge_category = 'Purchase' or commitment_status = 'Unused')
),

owned as (
    select
        billing_period,
        payer_account_id,
        commitment_discount_id,
        coalesce(min(case charge_category when 'Purchase' then usage_account_id end), min(usage_account_id))
            as owner_account_id
    from lines
    group by all
)

select * from owned
