-- One row per month, payer, account and step from `billed` over `effective` to `real`; each step names the commitment and
-- the other account. Amounts of an account's steps telescope: each subtotal is the one before plus the steps between.
-- What is read twice is imported twice, because DuckDB writes a step down that others read: half as long again.
with

viewed_costs as (
    select * from {{ ref('fct_monthly_costs') }}
    where cost_view in ('billed', 'effective', 'real')
),

amortised_costs as (
    select * from {{ ref('fct_account_costs') }}
    where cost_view in ('billed', 'effective') and component <> 'shared'
),

shared_costs as (
    select * from {{ ref('fct_account_costs') }}
    where cost_view = 'effective' and component = 'shared'
),

transfers as (
    select * from {{ ref('int_allocation__transfers') }}
    where amount <> 0
),

subtotals as (
    select
        billing_period,
        payer_account_id,
        sub_account_id as account_id,
        currency,
        case cost_view when 'billed' then 1 when 'effective' then 4 else 6 end as step_number,
        cost_view as step,
        '-' as commitment_discount_id,
        '-' as other_account_id,
        '-' as allocation_rule_id,
        true as is_subtotal,
        sum(amount) as amount
    from viewed_costs
    group by all
),

-- Billed taken back, effective put in its place: what remains is what spreading a commitment over its use changes.
amortised as (
    select
        billing_period,
        payer_account_id,
        sub_account_id as account_id,
        currency,
        2 as step_number,
        case
            when commitment_discount_id = '-' and component not in ('used', 'unused') then 'discounts'
            when component = 'borrowed' then 'borrowed'
            when component = 'used' then 'used'
            else 'fees_spread'
        end as step,
        commitment_discount_id,
        case component
            when 'borrowed' then coalesce({{ arn_account('commitment_discount_id') }}, '-') else '-'
        end as other_account_id,
        '-' as allocation_rule_id,
        false as is_subtotal,
        sum(case cost_view when 'effective' then amount else -amount end) as amount
    from amortised_costs
    group by all
),

shared as (
    select
        billing_period,
        payer_account_id,
        sub_account_id as account_id,
        currency,
        3 as step_number,
        'shared' as step,
        '-' as commitment_discount_id,
        origin_account_id as other_account_id,
        allocation_rule_id,
        false as is_subtotal,
        sum(amount) as amount
    from shared_costs
    group by all
),

settled as (
    select billing_period, payer_account_id, {{ part_account('from_account_id') }} as account_id, currency, 5 as step_number,
        mechanism || '_paid' as step, commitment_discount_id, {{ part_account('to_account_id') }} as other_account_id,
        '-' as allocation_rule_id, false as is_subtotal, sum(amount) as amount
    from transfers
    group by all
    union all
    select billing_period, payer_account_id, {{ part_account('to_account_id') }} as account_id, currency, 5 as step_number,
        mechanism || '_received' as step, commitment_discount_id, {{ part_account('from_account_id') }} as other_account_id,
        '-' as allocation_rule_id, false as is_subtotal, sum(-amount) as amount
    from transfers
    group by all
),

steps as (
    select * from subtotals
    union all
    select * from amortised
    where amount <> 0
    union all
    select * from shared
    union all
    select * from settled
    where amount <> 0
),

waterfall as (
    select
        billing_period,
        billing_period as service_period,
        payer_account_id,
        account_id,
        cast(step_number as integer) as step_number,
        step,
        commitment_discount_id,
        other_account_id,
        allocation_rule_id,
        is_subtotal,
        {{ vendor_amount('amount') }} as amount,
        currency
    from steps
)

select * from waterfall
