-- Usage that is not priced where it should be, with the reason. Two questions: is there a charge for it on the edge to
-- its owner, and could every charge found for it, on any edge, price it? What tiers leave over (bounds with a gap, a
-- last tier that ends) is listed too, so that nothing is priced 0 by accident. Each row names the seller it concerns:
-- of the subscription found, else each who sells to the owner on that day (a row each); null where nobody knows.
with

metered as (
    select * from {{ ref('fct_metered_usage') }}
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

edges as (
    select * from {{ ref('int_rating__edges_dated') }}
),

charged_meters as (
    select distinct meter_id from {{ ref('stg_catalog__plan_charges') }} where charge_type = 'usage'
),

-- On the edge to its owner: bought by the owner itself, or by whoever subscribed for this very resource. Asked before it
-- is joined: an outer join with an `or` compares every row with every other, a minute for 1,000 customers.
subscribed_at_the_owner as (
    select * from subscribed
    where owner_party_id = buyer_id or owner_party_id = 'unassigned'
),

at_the_owner as (
    select
        metered.billing_period,
        metered.meter_id,
        metered.resource_kind,
        metered.resource_id,
        metered.dimension_value,
        metered.usage_date,
        metered.owner_party_id,
        count(subscribed.subscription_id) as subscriptions,
        count(subscribed.charge_id) as charges
    from metered
    left join subscribed_at_the_owner as subscribed
        on metered.billing_period = subscribed.billing_period
        and metered.meter_id = subscribed.meter_id
        and metered.resource_kind = subscribed.resource_kind
        and metered.resource_id = subscribed.resource_id
        and metered.dimension_value = subscribed.dimension_value
        and metered.usage_date = subscribed.usage_date
        and metered.owner_party_id = subscribed.owner_party_id
    group by all
),

buyers as (
    select buyer_id as party_id, min(valid_from) as first_date, max(valid_to) as end_date from edges group by buyer_id
),

sellers as (
    select distinct seller_id as party_id from edges
),

missing as (
    select
        metered.*,
        case
            when metered.owner_party_id = 'unassigned' then 'unassigned'
            when charged_meters.meter_id is null then 'meter_not_charged'
            when buyers.party_id is null and sellers.party_id is not null then 'own_use'
            when buyers.party_id is null then 'no_agreement'
            when at_the_owner.subscriptions > 0 then 'no_charge'
            else 'no_subscription'
        end as reason
    from metered
    inner join at_the_owner
        on metered.billing_period = at_the_owner.billing_period
        and metered.meter_id = at_the_owner.meter_id
        and metered.resource_kind = at_the_owner.resource_kind
        and metered.resource_id = at_the_owner.resource_id
        and metered.dimension_value = at_the_owner.dimension_value
        and metered.usage_date = at_the_owner.usage_date
        and metered.owner_party_id = at_the_owner.owner_party_id
    left join buyers
        on metered.owner_party_id = buyers.party_id
        and metered.usage_date >= buyers.first_date
        and metered.usage_date < buyers.end_date
    left join sellers on metered.owner_party_id = sellers.party_id
    left join charged_meters on metered.meter_id = charged_meters.meter_id
    where at_the_owner.charges = 0
),

-- Who might have sold it: the seller of a subscription without a charge for the meter, else who sells to the owner.
missing_with_subscriptions as (
    select
        missing.*,
        subscribed.agreement_id,
        subscribed.seller_id,
        subscribed.buyer_id,
        subscribed.subscription_id,
        case when subscribed.subscription_id is null then missing.owner_party_id end as buyer_without_subscription
    from missing
    left join subscribed_at_the_owner as subscribed
        on missing.billing_period = subscribed.billing_period
        and missing.meter_id = subscribed.meter_id
        and missing.resource_kind = subscribed.resource_kind
        and missing.resource_id = subscribed.resource_id
        and missing.dimension_value = subscribed.dimension_value
        and missing.usage_date = subscribed.usage_date
        and missing.owner_party_id = subscribed.owner_party_id
),

concerned as (
    select
        missing.* exclude (agreement_id, seller_id, buyer_id),
        coalesce(missing.agreement_id, edges.agreement_id) as agreement_id,
        coalesce(missing.seller_id, edges.seller_id) as seller_id,
        coalesce(missing.buyer_id, edges.buyer_id) as buyer_id
    from missing_with_subscriptions as missing
    left join edges
        on missing.buyer_without_subscription = edges.buyer_id
        and {{ valid_on('edges', 'missing.usage_date') }}
),

without_charge as (
    select
        billing_period,
        service_period,
        agreement_id,
        seller_id,
        buyer_id,
        subscription_id,
        cast(null as varchar) as charge_id,
        meter_id,
        resource_kind,
        resource_id,
        dimension_value,
        reason,
        period_quantity as quantity,
        unit
    from concerned
),

not_priced as (
    select
        billing_period,
        service_period,
        agreement_id,
        seller_id,
        buyer_id,
        subscription_id,
        charge_id,
        meter_id,
        resource_kind,
        resource_id,
        dimension_value,
        reason,
        period_quantity as quantity,
        unit
    from subscribed
    where reason is not null
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
        paid_totals.billing_period,
        paid_totals.service_period,
        paid_totals.agreement_id,
        paid_totals.seller_id,
        paid_totals.buyer_id,
        paid_totals.subscription_id,
        paid_totals.charge_id,
        cast(null as varchar) as meter_id,
        cast(null as varchar) as resource_kind,
        cast(null as varchar) as resource_id,
        paid_totals.price_dimension as dimension_value,
        'price_gap' as reason,
        cast(paid_totals.paid_quantity - coalesce(tier_totals.used_quantity, 0) as decimal(38, 12)) as quantity,
        paid_totals.unit
    from paid_totals
    left join tier_totals
        on paid_totals.billing_period = tier_totals.billing_period
        and paid_totals.subscription_id = tier_totals.subscription_id
        and paid_totals.charge_id = tier_totals.charge_id
        and paid_totals.price_dimension = tier_totals.price_dimension
        and paid_totals.usage_date = tier_totals.usage_date
    where paid_totals.paid_quantity <> coalesce(tier_totals.used_quantity, 0)
),

fees_not_priced as (
    select
        billing_period,
        service_period,
        agreement_id,
        seller_id,
        buyer_id,
        subscription_id,
        charge_id,
        cast(null as varchar) as meter_id,
        cast(null as varchar) as resource_kind,
        cast(null as varchar) as resource_id,
        price_dimension as dimension_value,
        reason,
        cast(0 as decimal(38, 12)) as quantity,
        cast(null as varchar) as unit
    from fees_at_zero
    where reason is not null
    union all
    select
        billing_period,
        service_period,
        agreement_id,
        seller_id,
        buyer_id,
        subscription_id,
        charge_id,
        cast(null as varchar) as meter_id,
        cast(null as varchar) as resource_kind,
        cast(null as varchar) as resource_id,
        price_dimension as dimension_value,
        reason,
        cast(0 as decimal(38, 12)) as quantity,
        cast(null as varchar) as unit
    from limits
    where reason is not null and price_dimension = 'ANY'
),

all_unrated as (
    select * from without_charge where reason <> 'own_use'
    union all
    select * from not_priced
    union all
    select * from left_over
    union all
    select * from fees_not_priced
),

unrated as (
    select
        billing_period,
        service_period,
        agreement_id,
        seller_id,
        buyer_id,
        subscription_id,
        charge_id,
        meter_id,
        resource_kind,
        resource_id,
        dimension_value,
        reason,
        cast(sum(quantity) as decimal(38, 12)) as quantity,
        unit
    from all_unrated
    group by all
)

select * from unrated
