-- Fails when a payer's month comes from two deliveries (two exports, two feeds) or is two vendors': its cost would count
-- twice. End one of the exports, or take its files out of the inbox and run `meterhouse rebuild`.
-- depends_on: {{ ref('fct_account_costs') }} (costed first: the amounts can be seen while what follows is held)
{{ config(meta={'dagster': {'ref': {'name': 'fct_account_costs'}}}) }}

select
    billing_period,
    payer_account_id,
    delivery_count,
    vendor_count
from {{ in_run(ref('int_allocation__payers_billed')) }}
where delivery_count > 1 or vendor_count > 1
