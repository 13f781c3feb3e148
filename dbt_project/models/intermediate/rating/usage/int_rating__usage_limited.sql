-- What the discount of a usage charge, the minimum and maximum of its prices and those of the charge itself change, after
-- its usage is priced: first the discount on all of it, then maximum and minimum of each dimension value's price, then of
-- the whole charge. Each is a row of its own and never a smaller price. A charge's minimum, and that of its price for any
-- value, is due although nothing was used; that of a single value only where it was used.
with

priced as (
    select * from {{ ref('int_rating__usage_priced') }}
),

charges as (
    select * from {{ ref('int_rating__usage_charges') }}
),

limits as (
    select * from {{ ref('int_rating__usage_limits') }}
    where agreement_id is not null and fx_rate is not null
),

unused as (
    select limits.*
    from limits
    left join priced
        on limits.billing_period = priced.billing_period
        and limits.subscription_id = priced.subscription_id
        and limits.charge_id = priced.charge_id
        and limits.price_dimension = priced.price_dimension
    where
        priced.charge_id is null
        and not limits.is_whole_charge
        and limits.price_dimension = 'ANY'
        and limits.minimum_amount > 0
),

{%- set terms %}
        billing_period,
        service_period,
        agreement_id,
        seller_id,
        buyer_id,
        subscription_id,
        charge_id,
        charge_name,
        tax_category,
        currency,
        fx_rate
{%- endset %}

amounts as (
    select {{ terms }}, charge_period_start, charge_period_end, price_dimension, price_valid_from, amount
    from priced
    union all
    select
        {{ terms }},
        first_live_date as charge_period_start, next_period as charge_period_end, price_dimension, price_valid_from,
        {{ money('0') }} as amount
    from unused
),

-- With several versions in the month the last one used says the limits.
by_dimension as (
    select
        {{ terms }},
        price_dimension,
        min(charge_period_start) as charge_period_start,
        max(charge_period_end) as charge_period_end,
        max(price_valid_from) as price_valid_from,
        cast(sum(amount) as decimal(38, 12)) as gross_amount
    from amounts
    group by {{ terms }}, price_dimension
),

discounted as (
    select
        by_dimension.*,
        -1 * {{ multiply('by_dimension.gross_amount', 'charges.discount') }} as discount_amount,
        limits.minimum_amount,
        limits.maximum_amount
    from by_dimension
    inner join charges on by_dimension.charge_id = charges.charge_id
    left join limits
        on by_dimension.billing_period = limits.billing_period
        and by_dimension.subscription_id = limits.subscription_id
        and by_dimension.charge_id = limits.charge_id
        and by_dimension.price_dimension = limits.price_dimension
        and by_dimension.price_valid_from = limits.price_valid_from
        and not limits.is_whole_charge
),

of_dimensions as (
    select
        *,
        {{ over_maximum('gross_amount + discount_amount') }} as over_maximum,
        {{ under_minimum('gross_amount + discount_amount') }} as under_minimum
    from discounted
),

charge_amounts as (
    select
        billing_period,
        subscription_id,
        charge_id,
        currency,
        sum(gross_amount + discount_amount + over_maximum + under_minimum) as amount
    from of_dimensions
    group by all
),

by_charge as (
    select
        limits.* exclude (price_dimension, price_valid_from),
        cast(coalesce(charge_amounts.amount, 0) as decimal(38, 12)) as gross_amount
    from limits
    left join charge_amounts
        on limits.billing_period = charge_amounts.billing_period
        and limits.subscription_id = charge_amounts.subscription_id
        and limits.charge_id = charge_amounts.charge_id
        and limits.currency = charge_amounts.currency
    where limits.is_whole_charge
),

of_charges as (
    select
        *,
        {{ over_maximum('gross_amount') }} as over_maximum,
        {{ under_minimum('gross_amount') }} as under_minimum
    from by_charge
),

limited as (
    select
        {{ terms }}, charge_period_start, charge_period_end, price_dimension, price_valid_from,
        discount_amount, over_maximum, under_minimum
    from of_dimensions
    union all
    select
        {{ terms }}, first_live_date as charge_period_start, next_period as charge_period_end,
        'ANY' as price_dimension, cast(null as date) as price_valid_from,
        {{ money('0') }} as discount_amount, over_maximum, under_minimum
    from of_charges
),

{%- set parts = {'discount': 'discount_amount', 'maximum': 'over_maximum', 'minimum': 'under_minimum'} %}

components as (
    {%- for component, amount in parts.items() %}
    select
        billing_period,
        service_period,
        charge_period_start,
        charge_period_end,
        agreement_id,
        seller_id,
        buyer_id,
        subscription_id,
        charge_id,
        charge_name,
        tax_category,
        '{{ component }}' as component,
        price_dimension,
        price_valid_from,
        cast(null as bigint) as tier,
        cast(1 as decimal(38, 12)) as quantity,
        {{ money(amount) }} as unit_price,
        {{ money(amount) }} as amount,
        currency,
        fx_rate
    from limited
    where {{ amount }} <> 0
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select * from components
