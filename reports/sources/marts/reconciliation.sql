-- One row per month, source, account, hop and currency.
select
    strftime(billing_period, '%Y-%m') as month,
    source,
    account,
    hop_number,
    hop,
    amount,
    difference,
    unexplained,
    explanation,
    hops.currency,
    fmt
from fct_reconciliation as hops
left join money_formats using (currency)
order by month desc, source, account, currency, hop_number
