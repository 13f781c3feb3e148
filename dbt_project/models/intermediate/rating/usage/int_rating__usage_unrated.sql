-- Usage that is not priced where it should be, with the reason. Two questions: is there a charge for it on the edge to
-- its owner, and could every charge found for it, on any edge, price it? What tiers leave over (bounds with a gap, a
-- last tier that ends) is listed too, so that nothing is priced 0 by accident. Each row names the seller it concerns.
with

uncharged as (
    select * from {{ ref('int_rating__usage_uncharged') }}
),

subscribed as (
    select * from {{ ref('int_rating__usage_subscribed') }}
),

accumulated as (
    select * from {{ ref('int_rating__usage_accumulated') }}
),

tiered as (
    select * from {{ ref('int_rating__usage_tiered') }}
),

fees_at_zero as (
    select * from {{ ref('int_rating__fees_at_zero') }}
),

limits as (
    select * from {{ ref('int_rating__usage_limits') }}
),

tier_totals as (
    select
        billing_period, subscription_id, charge_id, price_dimension, usage_date,
        sum(used_quantity) as used_quantity
    from tiered
    group by all
),

paid_totals as (
    select
        billing_period, service_period, agreement_id, seller_id, buyer_id, subscription_id, charge_id,
        price_dimension, usage_date,
        min(unit) as unit,
        sum(paid_quantity) as paid_quantity
    from accumulated
    group by all
),

left_over as (
    select
        paid_totals.* exclude (paid_quantity),
        cast(paid_totals.paid_quantity - coalesce(tier_totals.used_quantity, 0) as decimal(38, 12)) as quantity
    from paid_totals
    left join tier_totals
        on paid_totals.billing_period = tier_totals.billing_period
        and paid_totals.subscription_id = tier_totals.subscription_id
        and paid_totals.charge_id = tier_totals.charge_id
        and paid_totals.price_dimension = tier_totals.price_dimension
        and paid_totals.usage_date = tier_totals.usage_date
    where paid_totals.paid_quantity <> coalesce(tier_totals.used_quantity, 0)
),

-- Of a whole charge, whatever its meter read: what no tier holds, and fees and limits without a price.
charges_not_priced as (
    select
        billing_period, service_period, agreement_id, seller_id, buyer_id, subscription_id, charge_id, price_dimension,
        'price_gap' as reason,
        quantity,
        unit
    from left_over
    union all
    select
        billing_period, service_period, agreement_id, seller_id, buyer_id, subscription_id, charge_id, price_dimension,
        reason,
        cast(0 as decimal(38, 12)) as quantity,
        cast(null as varchar) as unit
    from fees_at_zero
    where reason is not null
    union all
    select
        billing_period, service_period, agreement_id, seller_id, buyer_id, subscription_id, charge_id, price_dimension,
        reason,
        cast(0 as decimal(38, 12)) as quantity,
        cast(null as varchar) as unit
    from limits
    where reason is not null and price_dimension = 'ANY'
),

all_unrated as (
    select
        billing_period, service_period, agreement_id, seller_id, buyer_id, subscription_id,
        cast(null as varchar) as charge_id,
        meter_id, resource_kind, resource_id, dimension_value, reason, quantity, unit
    from uncharged
    where reason <> 'own_use'
    union all
    select
        billing_period, service_period, agreement_id, seller_id, buyer_id, subscription_id,
        charge_id,
        meter_id, resource_kind, resource_id, dimension_value, reason, period_quantity as quantity, unit
    from subscribed
    where reason is not null
    union all
    select
        billing_period, service_period, agreement_id, seller_id, buyer_id, subscription_id,
        charge_id,
        cast(null as varchar) as meter_id,
        cast(null as varchar) as resource_kind,
        cast(null as varchar) as resource_id,
        price_dimension as dimension_value,
        reason, quantity, unit
    from charges_not_priced
),

unrated as (
    select
        billing_period, service_period, agreement_id, seller_id, buyer_id, subscription_id, charge_id,
        meter_id, resource_kind, resource_id, dimension_value, reason,
        cast(sum(quantity) as decimal(38, 12)) as quantity,
        unit
    from all_unrated
    group by all
)

select * from unrated
