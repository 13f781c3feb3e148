-- What a charge's discount, minimum and maximum change in a charge period, after it is priced: the discount on all of it,
-- then the maximum, then the minimum, each a row of its own. The minimum is prorated by the days billed, the maximum
-- never. Limits of the price and of the charge hold together: the lower maximum, the higher minimum.
with

dated as (
    select * from {{ ref('int_rating__charges_dated') }}
    where reason is null
),

priced as (
    select * from {{ ref('int_rating__recurring_priced') }}
),

charges as (
    select * from {{ ref('stg_catalog__plan_charges') }}
),

versions as (
    select * from {{ ref('int_rating__price_versions') }}
    where dimension_value = 'ANY'
),

limits as (
    select
        charges.charge_id,
        versions.valid_from,
        charges.discount,
        coalesce(least(charges.maximum_amount, versions.maximum_amount), charges.maximum_amount, versions.maximum_amount)
            as maximum_amount,
        coalesce(
            greatest(charges.minimum_amount, versions.minimum_amount), charges.minimum_amount, versions.minimum_amount
        ) as minimum_amount
    from charges
    inner join versions on charges.charge_id = versions.charge_id
),

{%- set charge_period %}
        billing_period,
        service_period,
        agreement_id,
        subscription_id,
        charge_id,
        period_start,
        currency,
        fx_rate
{%- endset %}

amounts as (
    select {{ charge_period }}, cast(sum(amount) as decimal(38, 12)) as amount
    from priced
    group by {{ charge_period }}
),

-- With several prices in a charge period the last one says the limits.
charged as (
    select
        {{ charge_period }},
        min(due_period) as due_period,
        min(part_from) as charge_period_start,
        {{ add_days('max(part_until)', 1) }} as charge_period_end,
        min(seller_id) as seller_id,
        min(buyer_id) as buyer_id,
        min(charge_name) as charge_name,
        min(tax_category) as tax_category,
        max(price_valid_from) as price_valid_from,
        least(sum(billed_days), max(period_days)) as billed_days,
        max(period_days) as period_days,
        min(is_in_advance) as is_in_advance
    from dated
    group by {{ charge_period }}
),

discounted as (
    select
        charged.*,
        coalesce(amounts.amount, 0) as gross_amount,
        {{ money('-1 * coalesce(amounts.amount, 0) * limits.discount') }} as discount_amount,
        {{ money('limits.maximum_amount * charged.fx_rate') }} as maximum_amount,
        case
            when charged.billed_days = charged.period_days then {{ money('limits.minimum_amount * charged.fx_rate') }}
            else {{ divide('limits.minimum_amount * charged.fx_rate * charged.billed_days', 'charged.period_days') }}
        end as minimum_amount
    from charged
    inner join limits
        on charged.charge_id = limits.charge_id
        and charged.price_valid_from = limits.valid_from
    left join amounts
        on charged.billing_period = amounts.billing_period
        and charged.service_period = amounts.service_period
        and charged.agreement_id = amounts.agreement_id
        and charged.subscription_id = amounts.subscription_id
        and charged.charge_id = amounts.charge_id
        and charged.period_start = amounts.period_start
        and charged.currency = amounts.currency
        and charged.fx_rate = amounts.fx_rate
    where limits.discount <> 0 or limits.minimum_amount is not null or limits.maximum_amount is not null
),

limited as (
    select
        *,
        {{ over_maximum('gross_amount + discount_amount') }} as over_maximum,
        {{ under_minimum('gross_amount + discount_amount') }} as under_minimum
    from discounted
),

{%- set parts = {'discount': 'discount_amount', 'maximum': 'over_maximum', 'minimum': 'under_minimum'} %}

components as (
    {%- for component, amount in parts.items() %}
    select
        billing_period,
        service_period,
        due_period,
        charge_period_start,
        charge_period_end,
        agreement_id,
        seller_id,
        buyer_id,
        subscription_id,
        charge_id,
        charge_name,
        tax_category,
        price_valid_from,
        cast(null as bigint) as tier,
        billed_days,
        period_days,
        period_start,
        is_in_advance,
        currency,
        fx_rate,
        '{{ component }}' as component,
        cast(1 as decimal(38, 12)) as quantity,
        {{ money(amount) }} as unit_price,
        {{ money(amount) }} as amount
    from limited
    where {{ amount }} <> 0
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select * from components
