-- What a charge's discount and the minimum and maximum of a dimension value's price change, after its usage is priced:
-- first the discount on all of it, then the maximum, then the minimum, each a row of its own and never a smaller price.
with

priced as (
    select * from {{ ref('int_rating__usage_priced') }}
),

charges as (
    select * from {{ ref('int_rating__usage_charges') }}
),

versions as (
    select * from {{ ref('int_rating__price_versions') }}
),

-- With several versions in the month the last one used says the limits.
charged as (
    select
        billing_period,
        service_period,
        min(charge_period_start) as charge_period_start,
        max(charge_period_end) as charge_period_end,
        agreement_id,
        seller_id,
        buyer_id,
        subscription_id,
        charge_id,
        charge_name,
        tax_category,
        price_dimension,
        max(price_valid_from) as price_valid_from,
        cast(sum(amount) as decimal(38, 12)) as gross_amount,
        currency,
        fx_rate
    from priced
    group by all
),

discounted as (
    select
        charged.*,
        -1 * {{ multiply('charged.gross_amount', 'charges.discount') }} as discount_amount,
        {{ money('versions.minimum_amount * charged.fx_rate') }} as minimum_amount,
        {{ money('versions.maximum_amount * charged.fx_rate') }} as maximum_amount
    from charged
    inner join charges on charged.charge_id = charges.charge_id
    inner join versions
        on charged.charge_id = versions.charge_id
        and charged.price_dimension = versions.dimension_value
        and charged.price_valid_from = versions.valid_from
),

limited as (
    select
        *,
        least(coalesce(maximum_amount, gross_amount + discount_amount) - gross_amount - discount_amount, 0)
            as over_maximum
    from discounted
),

filled as (
    select
        *,
        greatest(
            coalesce(minimum_amount, 0) - (gross_amount + discount_amount + over_maximum), 0
        ) as under_minimum
    from limited
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
    from filled
    where {{ amount }} <> 0{{ ' and minimum_amount is not null' if component == 'minimum' }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select * from components
