-- What is to be billed per edge, service period and charge key, as of now, over all months. Charges in advance of a
-- month that is not rated yet come from the month before, on whose invoice they are due. Each key is rounded once, to
-- the minor unit of its edge's currency.
with

charges as (
    select * from {{ ref('fct_rated_charges') }}
),

recurring as (
    select * from {{ ref('int_rating__recurring_priced') }}
    union all
    select * from {{ ref('int_rating__recurring_limited') }}
),

currencies as (
    select * from {{ source('lake', 'currencies') }}
),

rated_periods as (
    select distinct billing_period from charges
),

ahead as (
    select recurring.*
    from recurring
    left join rated_periods on recurring.service_period = rated_periods.billing_period
    where recurring.service_period > recurring.billing_period and rated_periods.billing_period is null
),

billable as (
    select
        service_period,
        due_period,
        agreement_id,
        seller_id,
        buyer_id,
        payer_account_id,
        charge_key,
        description,
        tax_category,
        quantity,
        unit_price,
        amount,
        case when consumer_id = buyer_id then 0 else amount end as resold_amount,
        currency,
        1 as is_rated
    from charges
    where not is_vendor_edge
    union all
    select
        service_period,
        due_period,
        agreement_id,
        seller_id,
        buyer_id,
        cast(null as varchar) as payer_account_id,
        subscription_id || '/' || charge_id || '/' || component as charge_key,
        {{ charge_description() }} as description,
        tax_category,
        quantity,
        unit_price,
        amount,
        cast(0 as decimal(38, 12)) as resold_amount,
        currency,
        0 as is_rated
    from ahead
),

keys as (
    select
        service_period,
        agreement_id,
        seller_id,
        buyer_id,
        charge_key,
        currency,
        min(due_period) as due_period,
        min(payer_account_id) as payer_account_id,
        min(description) as description,
        min(tax_category) as tax_category,
        min(is_rated) = 1 as is_rated,
        min(unit_price) as least_unit_price,
        max(unit_price) as most_unit_price,
        cast(sum(quantity) as decimal(38, 12)) as quantity,
        {{ money('sum(amount)') }} as exact_amount,
        {{ money('sum(resold_amount)') }} as resold_amount
    from billable
    group by service_period, agreement_id, seller_id, buyer_id, charge_key, currency
),

rounded as (
    select
        keys.* exclude (least_unit_price, most_unit_price),
        case
            when
                keys.least_unit_price = keys.most_unit_price
                and {{ money('keys.quantity * keys.least_unit_price') }} = keys.exact_amount
                then keys.least_unit_price
        end as unit_price,
        {{ round_money('keys.exact_amount', 'currencies.minor_unit') }} as amount,
        currencies.minor_unit
    from keys
    left join currencies on keys.currency = currencies.currency
)

select * from rounded
