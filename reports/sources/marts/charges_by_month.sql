-- One row per month, buyer, seller, service or subscription, and currency: what is consumed at the buyer's price.
select
    strftime(service_period, '%Y-%m') as month,
    seller_id,
    buyer_id,
    coalesce(buyers.name, buyer_id) as buyer,
    coalesce(buyer_id = (select party_id from site_party), false) as is_own,
    coalesce(service_name, subscription_id, component) as item,
    sum(quantity) filter (where service_name is not null) as quantity,
    sum(amount) as amount,
    charges.currency,
    any_value(fmt) as fmt
from fct_rated_charges as charges
left join dim_party as buyers on charges.buyer_id = buyers.party_id
left join money_formats using (currency)
group by all
order by all
