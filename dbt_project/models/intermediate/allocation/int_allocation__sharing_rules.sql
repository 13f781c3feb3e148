-- The payers' allocation rules of a month, numbered in the order in which they run: position, then rule id. The rules of
-- the month's last day hold.
with

groups as (
    select * from {{ ref('int_allocation__bill_grouped') }}
),

rules as (
    select * from {{ ref('stg_catalog__allocation_rules') }}
),

months as (
    select distinct billing_period, payer_account_id from groups
),

numbered as (
    select
        months.billing_period,
        months.payer_account_id,
        rules.rule_id,
        rules.match_service,
        rules.match_charge_category,
        rules.match_account,
        rules.method,
        rules.driver,
        rules.targets,
        rules.scale,
        row_number() over (
            partition by months.billing_period, months.payer_account_id order by rules.position, rules.rule_id
        ) as step_number
    from months
    inner join rules
        on months.payer_account_id = rules.payer_id
        and last_day(months.billing_period) >= rules.valid_from
        and last_day(months.billing_period) < rules.valid_to
)

select * from numbered
