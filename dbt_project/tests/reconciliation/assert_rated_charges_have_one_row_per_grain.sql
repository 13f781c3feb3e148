-- Fails when two rows of fct_rated_charges mean the same charge; nulls count as equal.
{{ config(meta={'dagster': {'ref': {'name': 'fct_rated_charges'}}}) }}
select
    service_period,
    agreement_id,
    charge_key,
    consumer_id,
    payer_account_id,
    price_rule_id,
    price_kind,
    tax_category,
    unit_price,
    upstream_currency,
    fx_rate,
    dimension_value,
    price_valid_from,
    tier,
    charge_period_start,
    commitment_id,
    count(*) as number_of_rows
from {{ in_run(ref('fct_rated_charges')) }}
group by all
having count(*) > 1
