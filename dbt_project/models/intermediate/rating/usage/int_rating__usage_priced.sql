-- What subscriptions charge for usage: one row per price version, tier and component, so that quantity × unit price is
-- the amount on each. Included quantity is a row of its own at no price; a tier's flat fee is one too.
with

accumulated as (
    select * from {{ ref('int_rating__usage_accumulated') }}
),

tiered as (
    select * from {{ ref('int_rating__usage_tiered') }}
),

fees_at_zero as (
    select * from {{ ref('int_rating__fees_at_zero') }}
),

tier_totals as (
    select
        billing_period,
        service_period,
        min(usage_date) as charge_period_start,
        {{ add_days('max(usage_date)', 1) }} as charge_period_end,
        agreement_id,
        seller_id,
        buyer_id,
        subscription_id,
        charge_id,
        charge_name,
        tax_category,
        price_dimension,
        price_valid_from,
        tier,
        cast(sum(tier_quantity) as decimal(38, 12)) as quantity,
        unit_price,
        currency,
        fx_rate
    from tiered
    where tier_quantity <> 0
    group by all
),

entered_totals as (
    select
        billing_period,
        service_period,
        min(usage_date) as charge_period_start,
        {{ add_days('max(usage_date)', 1) }} as charge_period_end,
        agreement_id,
        seller_id,
        buyer_id,
        subscription_id,
        charge_id,
        charge_name,
        tax_category,
        price_dimension,
        price_valid_from,
        tier,
        cast(count(*) as decimal(38, 12)) as quantity,
        flat_fee,
        currency,
        fx_rate
    from tiered
    where is_entered and flat_fee <> 0
    group by all
),

used as (
    select
        billing_period,
        service_period,
        charge_period_start,
        charge_period_end,
        agreement_id,
        seller_id,
        buyer_id,
        subscription_id,
        charge_id,
        charge_name,
        tax_category,
        'usage' as component,
        price_dimension,
        price_valid_from,
        tier,
        quantity,
        unit_price,
        {{ money('quantity * unit_price') }} as amount,
        currency,
        fx_rate
    from tier_totals
),

included as (
    select
        billing_period,
        service_period,
        min(usage_date) as charge_period_start,
        {{ add_days('max(usage_date)', 1) }} as charge_period_end,
        agreement_id,
        seller_id,
        buyer_id,
        subscription_id,
        charge_id,
        charge_name,
        tax_category,
        case charge_model when 'percentage' then 'free' else 'included' end as component,
        price_dimension,
        price_valid_from,
        cast(null as bigint) as tier,
        cast(sum(free_quantity) as decimal(38, 12)) as quantity,
        {{ money('0') }} as unit_price,
        {{ money('0') }} as amount,
        currency,
        fx_rate
    from accumulated
    where free_quantity <> 0
    group by all
),

-- What minimum and maximum of single events come to, each a row of its own.
clamped as (
    select
        billing_period,
        service_period,
        min(usage_date) as charge_period_start,
        {{ add_days('max(usage_date)', 1) }} as charge_period_end,
        agreement_id,
        seller_id,
        buyer_id,
        subscription_id,
        charge_id,
        charge_name,
        tax_category,
        case when event_adjustment > 0 then 'minimum' else 'maximum' end as component,
        price_dimension,
        price_valid_from,
        tier,
        cast(1 as decimal(38, 12)) as quantity,
        cast(sum(event_adjustment) as decimal(38, 12)) as unit_price,
        cast(sum(event_adjustment) as decimal(38, 12)) as amount,
        currency,
        fx_rate
    from tiered
    where event_adjustment <> 0
    group by all
),

entered as (
    select
        billing_period,
        service_period,
        charge_period_start,
        charge_period_end,
        agreement_id,
        seller_id,
        buyer_id,
        subscription_id,
        charge_id,
        charge_name,
        tax_category,
        'tier_fee' as component,
        price_dimension,
        price_valid_from,
        tier,
        quantity,
        flat_fee as unit_price,
        {{ money('quantity * flat_fee') }} as amount,
        currency,
        fx_rate
    from entered_totals
),

at_zero as (
    select
        billing_period,
        service_period,
        first_live_date as charge_period_start,
        next_period as charge_period_end,
        agreement_id,
        seller_id,
        buyer_id,
        subscription_id,
        charge_id,
        charge_name,
        tax_category,
        'tier_fee' as component,
        price_dimension,
        price_valid_from,
        tier,
        cast(1 as decimal(38, 12)) as quantity,
        amount as unit_price,
        amount,
        currency,
        fx_rate
    from fees_at_zero
    where reason is null
),

priced as (
    select * from used
    union all
    select * from included
    union all
    select * from clamped
    union all
    select * from entered
    union all
    select * from at_zero
)

select * from priced
