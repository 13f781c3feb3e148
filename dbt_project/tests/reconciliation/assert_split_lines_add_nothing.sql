-- Fails when a split cost allocation row is printed with a cost: its parent row already carries it, so the bill would
-- count it twice (fault 31).
-- depends_on: {{ ref('fct_account_costs') }} (costed first: the amounts can be seen while what follows is held)
{{ config(meta={'dagster': {'ref': {'name': 'fct_account_costs'}}}) }}

select billing_period, delivery_id, payer_account_id, line_item_type, split_line_count, split_billed_cost, currency
from {{ in_run(ref('int_allocation__bill_totaled')) }}
where split_billed_cost <> 0
