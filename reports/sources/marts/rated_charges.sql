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
    row_number() over (order by not is_vendor_edge, charges.upstream_amount, agreement_id) as chain_position,
    service_name,
    sku_id,
    charge_category,
    subscription_id,
    charge_id,
    component,
    tier,
    exact_text(quantity) as quantity,
    exact_text(unit_price) as unit_price,
    exact_text(amount) as amount,
    charges.currency,
    fmt,
    exact_text(upstream_amount) as upstream_amount,
    exact_text(upstream_original_amount) as upstream_original_amount,
    upstream_currency,
    exact_text(fx_rate) as fx_rate,
    price_rule_id,
    replace(price_kind, '_', ' ') as price_kind,
    strftime(price_valid_from, '%Y-%m-%d') as price_from,
    description
from fct_rated_charges as charges
left join dim_party as sellers on charges.seller_id = sellers.party_id
left join dim_party as buyers on charges.buyer_id = buyers.party_id
left join money_formats using (currency)
order by service_period, charge_key, is_vendor_edge desc, charges.upstream_amount, agreement_id
