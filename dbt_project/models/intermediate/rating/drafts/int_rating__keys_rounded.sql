-- The rounding line of an edge and service period, per tax category, where its agreement rounds the total: rounded
-- lines plus rounding lines are the rounded sum of exact amounts. Categories round one after the other on the running
-- total, so that together they hit it. Charges of a month that is not rated yet have no rounding line: it belongs to
-- the month as a whole.
with

keys_rated as (
    select * from {{ ref('int_rating__keys_rated') }}
),

agreements as (
    select * from {{ ref('stg_catalog__agreements') }}
),

by_category as (
    select
        keys_rated.service_period,
        keys_rated.agreement_id,
        keys_rated.seller_id,
        keys_rated.buyer_id,
        keys_rated.currency,
        keys_rated.tax_category,
        keys_rated.minor_unit,
        sum(keys_rated.exact_amount) as exact_amount,
        sum(keys_rated.amount) as amount
    from keys_rated
    inner join agreements on keys_rated.agreement_id = agreements.agreement_id
    where agreements.rounding = 'total' and keys_rated.is_rated
    group by all
),

running as (
    select
        *,
        sum(exact_amount) over (
            partition by service_period, agreement_id
            order by tax_category
            rows between unbounded preceding and current row
        ) as exact_so_far
    from by_category
),

rounded as (
    select
        service_period,
        service_period as due_period,
        agreement_id,
        seller_id,
        buyer_id,
        currency,
        tax_category,
        agreement_id || '/rounding/' || tax_category as charge_key,
        cast(
            {{ round_money('exact_so_far', 'minor_unit') }}
            - {{ round_money('(exact_so_far - exact_amount)', 'minor_unit') }}
            - amount as decimal(38, 4)
        ) as amount
    from running
)

select * from rounded
