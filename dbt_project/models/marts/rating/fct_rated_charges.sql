-- One row per service period, edge, charge key, consumer, price version, tier and component: everything each edge of
-- the partner chain charges, at 12 decimals. The vendor's own edge is here too (it is the bill), so that margins
-- telescope: per currency, what end customers are charged = vendor cost + margins, exactly.
with

charges as (
    select * from {{ ref('int_rating__charges_priced') }}
),

settled as (
    select * from {{ ref('int_rating__commitments_settled') }}
),

priced_charges as (
    select
        charges.*,
        cast(null as varchar) as commitment_id,
        cast(null as varchar) as adjustment_id
    from charges
),

settled_charges as (
    select
        billing_period,
        service_period,
        service_period as due_period,
        charge_period_start,
        charge_period_end,
        charge_key,
        agreement_id,
        seller_id,
        buyer_id,
        buyer_id as consumer_id,
        false as is_vendor_edge,
        cast(null as varchar) as payer_account_id,
        cast(null as varchar) as account_id,
        cast(null as varchar) as vendor,
        cast(null as varchar) as service_name,
        cast(null as varchar) as sku_id,
        cast(null as varchar) as charge_category,
        subscription_id,
        charge_id,
        component,
        'ANY' as dimension_value,
        cast(null as date) as price_valid_from,
        cast(null as bigint) as tier,
        cast(1 as decimal(38, 12)) as quantity,
        amount as unit_price,
        amount,
        currency,
        {{ money('0') }} as upstream_amount,
        {{ money('0') }} as upstream_original_amount,
        currency as upstream_currency,
        cast(1 as decimal(38, 12)) as fx_rate,
        cast(null as varchar) as price_rule_id,
        case component when 'adjustment' then 'adjustment' else 'commitment' end as price_kind,
        tax_category,
        description,
        commitment_id,
        adjustment_id
    from settled
),

rated as (
    select * from priced_charges
    union all
    select * from settled_charges
)

select * from rated
