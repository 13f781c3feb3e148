-- What subscriptions charge whether used or not: the subscribed quantity over the tiers of its price, times the share
-- of the charge period that is billed. Only the resulting amount is rounded. Units the charge includes are a row of their
-- own at no price, and tiers take the rest. A flat charge has quantity 1, a package as many packages as hold the rest; a
-- stairstep asks its tier's fee alone. A recurring tier fee is part of the price of the charge period and prorated with it.
with

dated as (
    select
        *,
        case
            when charge_model = 'flat' then 0 else least(included_quantity, greatest(subscribed_quantity, 0))
        end as free_quantity
    from {{ ref('int_rating__charges_dated') }}
    where reason is null
),

tiers as (
    select * from {{ ref('stg_catalog__charge_prices') }}
    where dimension_value = 'ANY'
),

charged as (
    select *, cast(subscribed_quantity - free_quantity as decimal(38, 12)) as charged_quantity
    from dated
),

{%- set held_quantity %}
                    case when {{ tier_holds('tiers', 'charged.charged_quantity') }} then charged.charged_quantity else 0 end
{%- endset %}

over_tiers as (
    select
        charged.*,
        tiers.tier,
        tiers.lower,
        {{ money("case charged.charge_model when 'stairstep' then 0 else tiers.unit_price end * charged.fx_rate") }}
            as tier_price,
        {{ money('tiers.flat_fee * charged.fx_rate') }} as tier_fee,
        cast(
            case charged.charge_model
                when 'graduated' then {{ part_in_tier('charged.charged_quantity', 'tiers') }}
                when 'volume' then {{ held_quantity }}
                when 'stairstep' then {{ held_quantity }}
                when 'package'
                    then case
                        when tiers.lower = 0
                            then {{ blocks('charged.charged_quantity', 'tiers.package_size', 'tiers.round_down') }}
                        else 0
                    end
                when 'per_unit' then case when tiers.lower = 0 then charged.charged_quantity else 0 end
                else case when tiers.lower = 0 then 1 else 0 end
            end as decimal(38, 12)
        ) as tier_quantity,
        case
            when charged.charge_model = 'graduated'
                then charged.charged_quantity > tiers.lower or (tiers.lower = 0 and tiers.flat_fee_at_zero)
            when charged.charge_model in ('volume', 'stairstep')
                then {{ tier_holds('tiers', 'charged.charged_quantity') }}
                and (charged.charged_quantity > 0 or tiers.flat_fee_at_zero)
            else false
        end as is_entered
    from charged
    inner join tiers
        on charged.charge_id = tiers.charge_id
        and charged.price_valid_from = tiers.valid_from
),

{%- set columns %}
        billing_period,
        service_period,
        due_period,
        part_from as charge_period_start,
        {{ add_days('part_until', 1) }} as charge_period_end,
        agreement_id,
        seller_id,
        buyer_id,
        subscription_id,
        charge_id,
        charge_name,
        tax_category,
        price_valid_from,
        tier,
        billed_days,
        period_days,
        period_start,
        is_in_advance,
        currency,
        fx_rate
{%- endset %}

components as (
    select
        {{ columns }},
        charge_type as component,
        tier_quantity as quantity,
        tier_price as unit_price
    from over_tiers
    where tier_quantity <> 0
    union all
    select
        {{ columns }},
        'tier_fee' as component,
        cast(1 as decimal(38, 12)) as quantity,
        tier_fee as unit_price
    from over_tiers
    where is_entered and tier_fee <> 0
    union all
    select
        {{ columns }},
        'included' as component,
        cast(free_quantity as decimal(38, 12)) as quantity,
        {{ money('0') }} as unit_price
    from over_tiers
    where free_quantity <> 0 and lower = 0
),

priced as (
    select
        *,
        case
            when billed_days = period_days then {{ money('quantity * unit_price') }}
            else {{ divide('quantity * unit_price * billed_days', 'period_days') }}
        end as amount
    from components
)

select * from priced
