-- One row per month and transfer between accounts.
select
    strftime(service_period, '%Y-%m') as month,
    payer_account_id as payer,
    from_account_id as from_account,
    to_account_id as to_account,
    replace(mechanism, '_', ' ') as mechanism,
    amount,
    lent_amount,
    settled.currency,
    fmt
from fct_sharing_settlement as settled
left join money_formats using (currency)
order by all
