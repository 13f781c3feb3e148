-- Charges between sellers and buyers who have commitments or adjustments, over all months: grouped as narrowly as any
-- scope asks. One row per service period, edge, subscription, charge and tax category.
with

charges as (
    select * from {{ ref('int_rating__charges_priced') }}
    where not is_vendor_edge
),

pairs as (
    select distinct seller_id, buyer_id from {{ ref('int_rating__commitments_scoped') }}
),

committed as (
    select
        charges.service_period,
        charges.seller_id,
        charges.buyer_id,
        charges.agreement_id,
        charges.subscription_id,
        charges.charge_id,
        charges.tax_category,
        charges.currency,
        {{ money('sum(charges.amount)') }} as amount
    from charges
    inner join pairs on charges.seller_id = pairs.seller_id and charges.buyer_id = pairs.buyer_id
    group by all
)

select * from committed
