-- One row per month, account, view, service, component and currency.
select
    strftime(billing_period, '%Y-%m') as month,
    sub_account_id as account,
    cost_view,
    service_name as service,
    component,
    sum(amount) as amount,
    costs.currency,
    any_value(fmt) as fmt
from fct_account_costs as costs
left join money_formats using (currency)
group by all
order by all
