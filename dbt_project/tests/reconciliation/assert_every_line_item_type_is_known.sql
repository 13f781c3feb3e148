-- Fails when a bill has a line type the seed bill_line_types does not list: name it there, with its rules, and run
-- the month again. Until then its amounts count as on demand at unblended cost. The failing types stay readable in
-- test_failures.assert_every_line_item_type_is_known.
-- depends_on: {{ ref('fct_account_costs') }} (costed first: the amounts can be seen while what follows is held)
{{ config(
    store_failures=true,
    schema='test_failures',
    meta={'dagster': {'ref': {'name': 'fct_account_costs'}}}
) }}

select
    totaled.billing_period,
    totaled.payer_account_id,
    totaled.line_item_type,
    sum(totaled.line_count) as line_count,
    sum(totaled.billed_cost) as billed_cost,
    totaled.currency
from {{ in_run(ref('int_allocation__bill_totaled')) }} as totaled
left join {{ ref('bill_line_types') }} as types
    on totaled.line_item_type = types.line_item_type
where types.line_item_type is null
group by all
