-- One row per rated charge: what stands behind the lines, at 12 decimals.
select
    strftime(service_period, '%Y-%m') as service_month,
    strftime(charge_period_start, '%Y-%m-%d') as from_day,
    strftime(charge_period_end, '%Y-%m-%d') as before_day,
    charge_key,
    agreement_id,
    seller_id,
    coalesce(sellers.name, seller_id) as seller,
    buyer_id,
    coalesce(buyers.name, buyer_id) as buyer,
    consumer_id,
    is_vendor_edge,
    payer_account_id,
    account_id,
    service_name,
    sku_id,
    charge_category,
    subscription_id,
    charge_id,
    component,
    tier,
    quantity,
    unit_price,
    amount,
    charges.currency,
    fmt,
    upstream_amount,
    upstream_original_amount,
    upstream_currency,
    fx_rate,
    price_rule_id,
    replace(price_kind, '_', ' ') as price_kind,
    strftime(price_valid_from, '%Y-%m-%d') as price_from,
    description
from fct_rated_charges as charges
left join dim_party as sellers on charges.seller_id = sellers.party_id
left join dim_party as buyers on charges.buyer_id = buyers.party_id
left join money_formats using (currency)
order by service_period, charge_key, is_vendor_edge desc, upstream_amount, agreement_id
