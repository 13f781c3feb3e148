-- Recurring and one-time charges that are due but cannot be priced, with the reason; the quantity is the subscribed one
-- for as many days as have no price. What tiers leave over is listed too.
with

dated as (
    select * from {{ ref('int_rating__charges_dated') }}
    where service_period = billing_period
),

priced as (
    select * from {{ ref('int_rating__recurring_priced') }}
    where service_period = billing_period
),

without_price as (
    select
        billing_period,
        service_period,
        agreement_id,
        seller_id,
        buyer_id,
        subscription_id,
        charge_id,
        coalesce(reason, 'price_gap') as reason,
        subscribed_quantity as quantity
    from dated
    where reason is not null or unpriced_days > 0
),

part_totals as (
    select
        billing_period,
        subscription_id,
        charge_id,
        charge_period_start,
        sum(quantity) as quantity
    from priced
    where component <> 'tier_fee'
    group by all
),

left_over as (
    select
        dated.billing_period,
        dated.service_period,
        dated.agreement_id,
        dated.seller_id,
        dated.buyer_id,
        dated.subscription_id,
        dated.charge_id,
        'price_gap' as reason,
        cast(dated.subscribed_quantity - coalesce(part_totals.quantity, 0) as decimal(38, 12)) as quantity
    from dated
    left join part_totals
        on dated.billing_period = part_totals.billing_period
        and dated.subscription_id = part_totals.subscription_id
        and dated.charge_id = part_totals.charge_id
        and dated.part_from = part_totals.charge_period_start
    where
        dated.reason is null
        and (
            (dated.charge_model not in ('flat', 'package') and dated.subscribed_quantity <> coalesce(part_totals.quantity, 0))
            or (dated.charge_model = 'flat' and part_totals.quantity is null)
        )
),

unrated as (
    select * from without_price
    union all
    select * from left_over
)

select * from unrated
