-- One row per day, account and currency, in the views as billed and real.
select
    strftime(billing_period, '%Y-%m') as month,
    charge_date as day,
    sub_account_id as account,
    cost_view,
    sum(amount) as amount,
    costs.currency,
    any_value(fmt) as fmt
from fct_account_costs as costs
left join money_formats using (currency)
where cost_view in ('billed', 'real')
group by all
order by all
