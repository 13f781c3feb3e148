-- Charges between sellers and buyers who have commitments or adjustments, over all months, grouped as early as they can
-- be: a subscription or a charge that no scope of the pair names is not told apart from the others. One row per service
-- period, edge, subscription and charge (where named), and tax category.
with

charges as (
    select * from {{ ref('int_rating__charges_priced') }}
    where not is_vendor_edge
),

scoped as (
    select * from {{ ref('int_rating__commitments_scoped') }}
),

pairs as (
    select distinct seller_id, buyer_id from scoped
),

named_subscriptions as (
    select distinct seller_id, buyer_id, scope_subscription_id from scoped where scope_subscription_id is not null
),

named_charges as (
    select distinct seller_id, buyer_id, scope_charge_id from scoped where scope_charge_id is not null
),

committed as (
    select
        charges.service_period,
        charges.seller_id,
        charges.buyer_id,
        charges.agreement_id,
        named_subscriptions.scope_subscription_id as subscription_id,
        named_charges.scope_charge_id as charge_id,
        charges.tax_category,
        charges.currency,
        {{ money('sum(charges.amount)') }} as amount
    from charges
    inner join pairs on charges.seller_id = pairs.seller_id and charges.buyer_id = pairs.buyer_id
    left join named_subscriptions
        on charges.seller_id = named_subscriptions.seller_id
        and charges.buyer_id = named_subscriptions.buyer_id
        and charges.subscription_id = named_subscriptions.scope_subscription_id
    left join named_charges
        on charges.seller_id = named_charges.seller_id
        and charges.buyer_id = named_charges.buyer_id
        and charges.charge_id = named_charges.scope_charge_id
    group by all
)

select * from committed
