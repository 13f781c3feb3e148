-- What accounts owe each other for what they shared: every step from `effective` to `real`. The borrower pays the
-- on-demand price of what it borrowed less its effective cost to the owner, or to the payer's own account where the
-- payer keeps the benefit; what is spread over a pool of accounts is settled with the payer's account. Nobody pays itself.
with

borrowed as (
    select * from {{ ref('int_allocation__commitments_borrowed') }}
    where owed_to_account_id is not null
),

spread as (
    select * from {{ ref('int_allocation__benefits_spread') }}
    where real_amount <> effective_amount and account_id <> payer_account_id
),

tiers as (
    select * from {{ ref('int_allocation__tiers_rerated') }}
    where
        sharing_benefit <> 'pro_rata'
        and real_amount <> effective_amount
        and account_id <> payer_account_id
),

owed as (
    select
        billing_period,
        payer_account_id,
        from_account_id,
        owed_to_account_id as to_account_id,
        mechanism,
        commitment_discount_id,
        service_name,
        sku_id,
        charge_date,
        pricing_unit,
        currency,
        {{ vendor_amount('on_demand_cost - effective_cost') }} as amount,
        {{ vendor_amount('effective_cost') }} as lent_amount
    from borrowed
),

balanced as (
    select
        billing_period,
        payer_account_id,
        case when real_amount > effective_amount then account_id else payer_account_id end as from_account_id,
        case when real_amount > effective_amount then payer_account_id else account_id end as to_account_id,
        'pro_rata' as mechanism,
        '-' as commitment_discount_id,
        'Sharing' as service_name,
        'pro_rata' as sku_id,
        last_day(billing_period) as charge_date,
        '-' as pricing_unit,
        currency,
        {{ vendor_amount('abs(real_amount - effective_amount)') }} as amount,
        {{ vendor_amount('0') }} as lent_amount
    from spread
),

tiered as (
    select
        billing_period,
        payer_account_id,
        case when real_amount > effective_amount then account_id else payer_account_id end as from_account_id,
        case when real_amount > effective_amount then payer_account_id else account_id end as to_account_id,
        'volume_tier' as mechanism,
        '-' as commitment_discount_id,
        service_name,
        sku_id,
        last_day(billing_period) as charge_date,
        pricing_unit,
        currency,
        {{ vendor_amount('sum(abs(real_amount - effective_amount))') }} as amount,
        {{ vendor_amount('0') }} as lent_amount
    from tiers
    group by all
),

transfers as (
    select * from owed
    union all
    select * from balanced
    union all
    select * from tiered
)

select * from transfers
