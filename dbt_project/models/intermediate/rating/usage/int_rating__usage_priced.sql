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

-- What minimum and maximum of single events come to has no price: it is a sum.
components as (
    select
        billing_period, service_period, usage_date, agreement_id, seller_id, buyer_id, subscription_id, charge_id,
        charge_name, tax_category, price_dimension, price_valid_from, currency, fx_rate, tier,
        'usage' as component,
        tier_quantity as quantity,
        unit_price,
        cast(null as decimal(38, 12)) as adjustment
    from tiered
    where tier_quantity <> 0
    union all
    select
        billing_period, service_period, usage_date, agreement_id, seller_id, buyer_id, subscription_id, charge_id,
        charge_name, tax_category, price_dimension, price_valid_from, currency, fx_rate, tier,
        'tier_fee' as component,
        cast(1 as decimal(38, 12)) as quantity,
        flat_fee as unit_price,
        cast(null as decimal(38, 12)) as adjustment
    from tiered
    where is_entered and flat_fee <> 0
    union all
    select
        billing_period, service_period, usage_date, agreement_id, seller_id, buyer_id, subscription_id, charge_id,
        charge_name, tax_category, price_dimension, price_valid_from, currency, fx_rate, tier,
        case when event_adjustment > 0 then 'minimum' else 'maximum' end as component,
        cast(null as decimal(38, 12)) as quantity,
        cast(null as decimal(38, 12)) as unit_price,
        event_adjustment as adjustment
    from tiered
    where event_adjustment <> 0
    union all
    select
        billing_period, service_period, usage_date, agreement_id, seller_id, buyer_id, subscription_id, charge_id,
        charge_name, tax_category, price_dimension, price_valid_from, currency, fx_rate, cast(null as bigint) as tier,
        free_component as component,
        free_quantity as quantity,
        {{ money('0') }} as unit_price,
        cast(null as decimal(38, 12)) as adjustment
    from accumulated
    where free_quantity <> 0
),

totals as (
    select
        billing_period, service_period, agreement_id, seller_id, buyer_id, subscription_id, charge_id, charge_name,
        tax_category, price_dimension, price_valid_from, currency, fx_rate, tier, component, unit_price,
        min(usage_date) as charge_period_start,
        {{ add_days('max(usage_date)', 1) }} as charge_period_end,
        cast(sum(quantity) as decimal(38, 12)) as quantity,
        cast(sum(adjustment) as decimal(38, 12)) as adjustment
    from components
    group by all
),

priced as (
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
        component,
        price_dimension,
        price_valid_from,
        tier,
        coalesce(quantity, cast(1 as decimal(38, 12))) as quantity,
        coalesce(unit_price, adjustment) as unit_price,
        coalesce(adjustment, {{ money('quantity * unit_price') }}) as amount,
        currency,
        fx_rate
    from totals
    union all
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
)

select * from priced
