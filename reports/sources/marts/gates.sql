-- One row per month, seller and gate: whether it lets the month be closed, and with which figures.
select
    strftime(gates.billing_period, '%Y-%m') as month,
    gates.seller_id,
    coalesce(parties.name, gates.seller_id) as seller,
    gate_number,
    replace(gate, '_', ' ') as gate,
    case when passed then 'yes' when waived_because is not null then 'waived' else 'no' end as answer,
    holds_close,
    detail || coalesce('; waived: ' || waived_because, '') as detail,
    strftime(asked_at, '%Y-%m-%d %H:%M') as asked_at
from fct_close_gates as gates
left join dim_party as parties on gates.seller_id = parties.party_id
order by month desc, seller, gate_number
