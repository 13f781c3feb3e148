-- One row per month, edge, kind of charge and currency: what the seller pays, charges and keeps.
select
    strftime(service_period, '%Y-%m') as month,
    margins.seller_id,
    coalesce(sellers.name, seller_id) as seller,
    coalesce(sellers.role, '-') as tier,
    margins.buyer_id,
    coalesce(buyers.name, buyer_id) as buyer,
    component,
    sum(buy_amount) as buy_amount,
    sum(sell_amount) as sell_amount,
    sum(margin) as margin,
    margins.currency,
    any_value(fmt) as fmt
from fct_margin as margins
left join dim_party as sellers on margins.seller_id = sellers.party_id
left join dim_party as buyers on margins.buyer_id = buyers.party_id
left join money_formats using (currency)
group by all
order by all
