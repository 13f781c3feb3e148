-- Payers whose term is pro_rata: what each account carries in `real`, the payer's total × standalone / Σ standalone.
-- One row per account and currency; other payers have none. Where nothing stands alone, everyone stays at effective.
with

groups as (
    select * from {{ ref('int_allocation__bill_grouped') }}
),

borrowed as (
    select * from {{ ref('int_allocation__commitments_borrowed') }}
    where is_across_customers
),

tiers as (
    select * from {{ ref('int_allocation__tiers_rerated') }}
    where sharing_benefit = 'pro_rata'
),

terms as (
    select * from {{ ref('int_allocation__payer_terms_tiled') }}
    where sharing_benefit = 'pro_rata'
),

effective as (
    select
        groups.billing_period,
        groups.payer_account_id,
        case groups.effective_component when 'unused' then groups.owner_account_id else groups.usage_account_id end as account_id,
        groups.currency,
        sum(groups.effective_cost) as effective_amount,
        sum(groups.effective_cost) as standalone_amount
    from groups
    inner join terms
        on groups.payer_account_id = terms.payer_account_id
        and last_day(groups.billing_period) >= terms.valid_from
        and last_day(groups.billing_period) < terms.valid_to
    group by all
),

alone as (
    select * from effective
    union all
    select
        billing_period, payer_account_id, from_account_id, currency, 0, sum(on_demand_cost - effective_cost)
    from borrowed
    where sharing_benefit = 'pro_rata'
    group by all
    union all
    select
        billing_period, payer_account_id, to_account_id, currency, 0, sum(effective_cost)
    from borrowed
    where sharing_benefit = 'pro_rata'
    group by all
    union all
    select
        billing_period, payer_account_id, account_id, currency, 0, sum(standalone_amount - effective_amount)
    from tiers
    group by all
),

summed as (
    select
        billing_period,
        payer_account_id,
        account_id,
        currency,
        {{ vendor_amount('sum(effective_amount)') }} as effective_amount,
        {{ vendor_amount('sum(standalone_amount)') }} as standalone_amount
    from alone
    group by all
),

totaled as (
    select
        *,
        {{ vendor_amount('sum(effective_amount) over (partition by billing_period, payer_account_id, currency)') }}
            as total_amount
    from summed
),

split as (
    {{ split_total(
        'totaled', ['billing_period', 'payer_account_id', 'currency'], 'total_amount', 'standalone_amount', 'account_id'
    ) }}
),

spread as (
    select
        billing_period,
        payer_account_id,
        account_id,
        currency,
        effective_amount,
        standalone_amount,
        coalesce(part, effective_amount) as real_amount
    from split
)

select * from spread
