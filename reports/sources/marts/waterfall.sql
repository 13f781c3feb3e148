-- One row per month, account and step from billed over effective to real.
select
    strftime(billing_period, '%Y-%m') as month,
    account_id as account,
    step_number,
    replace(step, '_', ' ') as step,
    commitment_discount_id as commitment,
    other_account_id as other_account,
    allocation_rule_id as rule,
    is_subtotal,
    amount,
    steps.currency,
    fmt
from fct_account_waterfall as steps
left join money_formats using (currency)
order by month, account, step_number, step, commitment, other_account
