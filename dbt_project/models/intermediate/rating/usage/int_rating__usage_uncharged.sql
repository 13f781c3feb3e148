-- Metered usage without a charge on the edge to its owner, with the reason and the seller it concerns: of the
-- subscription found, else each who sells to the owner on that day (a row each); null where nobody knows.
with

metered as (
    select * from {{ ref('fct_metered_usage') }}
),

-- On the edge to its owner: bought by the owner itself, or by whoever subscribed for this very resource. Asked before it
-- is joined: an outer join with an `or` compares every row with every other, a minute for 1,000 customers.
at_the_owner as (
    select * from {{ ref('int_rating__usage_subscribed') }}
    where owner_party_id = buyer_id or owner_party_id = 'unassigned'
),

charged as (
    select * from at_the_owner where charge_id is not null
),

edges as (
    select * from {{ ref('int_rating__edges_dated') }}
),

charged_meters as (
    select distinct meter_id from {{ ref('stg_catalog__plan_charges') }} where charge_type = 'usage'
),

buyers as (
    select buyer_id as party_id, min(valid_from) as first_date, max(valid_to) as end_date from edges group by buyer_id
),

sellers as (
    select distinct seller_id as party_id from edges
),

without_charge as (
    select * from metered
    where not exists (
        select 1 from charged
        where
            metered.billing_period = charged.billing_period
            and metered.meter_id = charged.meter_id
            and metered.resource_kind = charged.resource_kind
            and metered.resource_id = charged.resource_id
            and metered.dimension_value = charged.dimension_value
            and metered.usage_date = charged.usage_date
            and metered.owner_party_id = charged.owner_party_id
    )
),

-- Who might have sold it: the seller of a subscription without a charge for the meter, else who sells to the owner.
subscribed as (
    select
        usage.*,
        at_the_owner.agreement_id,
        at_the_owner.seller_id,
        at_the_owner.buyer_id,
        at_the_owner.subscription_id,
        case when at_the_owner.subscription_id is null then usage.owner_party_id end as buyer_without_subscription
    from without_charge as usage
    left join at_the_owner
        on usage.billing_period = at_the_owner.billing_period
        and usage.meter_id = at_the_owner.meter_id
        and usage.resource_kind = at_the_owner.resource_kind
        and usage.resource_id = at_the_owner.resource_id
        and usage.dimension_value = at_the_owner.dimension_value
        and usage.usage_date = at_the_owner.usage_date
        and usage.owner_party_id = at_the_owner.owner_party_id
),

uncharged as (
    select
        usage.billing_period,
        usage.service_period,
        coalesce(usage.agreement_id, edges.agreement_id) as agreement_id,
        coalesce(usage.seller_id, edges.seller_id) as seller_id,
        coalesce(usage.buyer_id, edges.buyer_id) as buyer_id,
        usage.subscription_id,
        usage.meter_id,
        usage.resource_kind,
        usage.resource_id,
        usage.dimension_value,
        case
            when usage.owner_party_id = 'unassigned' then 'unassigned'
            when charged_meters.meter_id is null then 'meter_not_charged'
            when buyers.party_id is null and sellers.party_id is not null then 'own_use'
            when buyers.party_id is null then 'no_agreement'
            when usage.subscription_id is not null then 'no_charge'
            else 'no_subscription'
        end as reason,
        usage.period_quantity as quantity,
        usage.unit
    from subscribed as usage
    left join buyers
        on usage.owner_party_id = buyers.party_id
        and usage.usage_date >= buyers.first_date
        and usage.usage_date < buyers.end_date
    left join sellers on usage.owner_party_id = sellers.party_id
    left join charged_meters on usage.meter_id = charged_meters.meter_id
    left join edges
        on usage.buyer_without_subscription = edges.buyer_id
        and {{ valid_on('edges', 'usage.usage_date') }}
)

select * from uncharged
