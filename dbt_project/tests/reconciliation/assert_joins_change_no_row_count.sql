-- Fails when a join between the bill's lines and the account costs multiplies or loses a line: every landed line counts
-- once in the view billed, and the delivery has as many lines as its landing counted.
{{ config(meta={'dagster': {'ref': {'name': 'fct_account_costs'}}}) }}

with

viewed as (
    select billing_period, payer_account_id, sum(line_count) as line_count
    from {{ in_run(ref('fct_account_costs')) }}
    where cost_view = 'billed'
    group by all
),

totaled as (
    select billing_period, payer_account_id, sum(line_count) as line_count
    from {{ in_run(ref('int_allocation__bill_totaled')) }}
    group by all
),

miscounted as (
    select
        billing_period,
        payer_account_id as counted_for,
        totaled.line_count as expected_count,
        viewed.line_count as found_count
    from totaled
    full join viewed
        using (billing_period, payer_account_id)
    where totaled.line_count is distinct from viewed.line_count
)

select * from miscounted
