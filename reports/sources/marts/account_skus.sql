-- One row per month, payer, account, service, SKU, category, view, component and commitment: what a rated cost is of.
select
    strftime(billing_period, '%Y-%m') as month,
    payer_account_id,
    sub_account_id as account,
    service_name,
    sku_id,
    charge_category,
    cost_view,
    component,
    commitment_discount_id,
    exact_text(sum(quantity)) as quantity,
    exact_text(sum(amount)) as amount,
    currency
from fct_account_costs
where amount <> 0
group by all
order by all
