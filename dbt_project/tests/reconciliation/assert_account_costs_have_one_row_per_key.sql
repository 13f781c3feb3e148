-- Fails when two rows of fct_account_costs share their whole key, or a part of the key is null.
{{ config(meta={'dagster': {'ref': {'name': 'fct_account_costs'}}}) }}

select
    billing_period,
    payer_account_id,
    sub_account_id,
    assigned_by,
    vendor,
    service_name,
    sku_id,
    charge_date,
    charge_category,
    component,
    commitment_discount_id,
    pricing_unit,
    currency,
    cost_view,
    origin_account_id,
    origin_assigned_by,
    allocation_rule_id,
    count(*) as row_count
from {{ ref('fct_account_costs') }}
group by all
having
    count(*) > 1
    or payer_account_id is null
    or sub_account_id is null
    or service_name is null
    or charge_date is null
    or currency is null
