-- One row per service period, edge, charge key and component: what the seller of the edge pays for it, what it charges,
-- and the difference. Where the edge above is in another currency, the conversion is a pair of rows of its own
-- (component fx): the cost leaves the one currency and enters the other, so that each currency adds up by itself.
with

charges as (
    select * from {{ ref('fct_rated_charges') }}
    where not is_vendor_edge
),

margins as (
    select
        billing_period,
        service_period,
        agreement_id,
        seller_id,
        buyer_id,
        charge_key,
        'margin' as component,
        upstream_amount as buy_amount,
        amount as sell_amount,
        currency
    from charges
),

conversions as (
    select
        billing_period,
        service_period,
        agreement_id,
        seller_id,
        buyer_id,
        charge_key,
        'fx' as component,
        upstream_original_amount as buy_amount,
        {{ money('0') }} as sell_amount,
        upstream_currency as currency
    from charges
    where upstream_currency <> currency
    union all
    select
        billing_period,
        service_period,
        agreement_id,
        seller_id,
        buyer_id,
        charge_key,
        'fx' as component,
        {{ money('0') }} as buy_amount,
        upstream_amount as sell_amount,
        currency
    from charges
    where upstream_currency <> currency
),

all_rows as (
    select * from margins
    union all
    select * from conversions
),

grouped as (
    select
        billing_period,
        service_period,
        agreement_id,
        seller_id,
        buyer_id,
        charge_key,
        component,
        {{ money('sum(buy_amount)') }} as buy_amount,
        {{ money('sum(sell_amount)') }} as sell_amount,
        {{ money('sum(sell_amount) - sum(buy_amount)') }} as margin,
        currency
    from all_rows
    group by all
)

select * from grouped
