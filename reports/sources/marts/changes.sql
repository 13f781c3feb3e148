-- One row per month, buyer, charge key and currency that changed from the month before, and why.
select
    strftime(service_period, '%Y-%m') as month,
    seller_id,
    buyer_id,
    charge_key,
    previous_amount,
    amount,
    change,
    volume_change,
    price_change,
    replace(reason, '_', ' ') as reason,
    changes.currency,
    fmt
from fct_charge_changes as changes
left join money_formats using (currency)
where change <> 0
order by all
