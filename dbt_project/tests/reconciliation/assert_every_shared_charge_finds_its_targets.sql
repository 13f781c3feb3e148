-- Fails when a rule splits something but no account takes a part of it (no targets, or all weights zero), a rule's driver
-- or position is beyond what is understood, or a month has more rules than run: the charge stays where the bill put it.
-- Mend allocation_rules, or waive what it names, and run the month again.
{{ config(meta={'dagster': {'ref': {'name': 'int_allocation__sharing_rules'}}}) }}

with

rules as (
    select * from {{ in_run(ref('int_allocation__sharing_rules')) }}
),

weights as (
    select * from {{ in_run(ref('int_allocation__sharing_weights')) }}
),

weighed as (
    select
        rules.billing_period,
        rules.payer_account_id,
        rules.rule_id,
        rules.method,
        rules.driver,
        rules.step_number,
        sum(coalesce(weights.weight, 0)) as weight
    from rules
    left join weights
        using (billing_period, payer_account_id, rule_id)
    group by all
)

select * from weighed
where
    weight = 0
    or step_number > 8
    or (
        method = 'proportional'
        and coalesce(driver, 'effective') not in ('billed', 'effective', 'owner', 'real', 'standalone')
    )
