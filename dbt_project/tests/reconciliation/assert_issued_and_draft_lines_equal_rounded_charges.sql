-- Fails when, for an edge and service period, issued and draft lines are not what is rated: its rounded sum where the
-- agreement rounds the total, the sum of its rounded keys where it rounds lines (money.md section 9).
{{ config(meta={'dagster': {'ref': {'name': 'int_rating__lines_drafted'}}}) }}
with

agreements as (
    select agreement_id, rounding from {{ ref('stg_catalog__agreements') }}
),

keys_rated as (
    select * from {{ ref('int_rating__keys_rated') }}
    where is_rated
),

rated as (
    select
        keys_rated.agreement_id,
        keys_rated.service_period,
        keys_rated.currency,
        case
            when agreements.rounding = 'total'
                then {{ round_money('sum(keys_rated.exact_amount)', 'max(keys_rated.minor_unit)') }}
            else cast(sum(keys_rated.amount) as decimal(38, 4))
        end as amount
    from keys_rated
    inner join agreements on keys_rated.agreement_id = agreements.agreement_id
    group by keys_rated.agreement_id, keys_rated.service_period, keys_rated.currency, agreements.rounding
),

billed as (
    select agreement_id, service_period, currency, amount from {{ ref('int_rating__lines_drafted') }}
    union all
    select agreement_id, service_period, currency, amount from {{ source('lake', 'ledger_lines') }}
),

billed_sums as (
    select
        agreement_id,
        service_period,
        currency,
        cast(sum(amount) as decimal(38, 4)) as amount
    from billed
    group by agreement_id, service_period, currency
)

select
    rated.agreement_id,
    rated.service_period,
    rated.amount as rated_amount,
    billed_sums.amount as billed_amount
from rated
left join billed_sums
    on rated.agreement_id = billed_sums.agreement_id
    and rated.service_period = billed_sums.service_period
    and rated.currency = billed_sums.currency
where rated.amount <> coalesce(billed_sums.amount, 0)
