-- What subscriptions charge whether used or not: the subscribed quantity over the tiers of its price, times the share
-- of the charge period that is billed. Only the resulting amount is rounded. A flat charge has quantity 1, a package as
-- many packages as hold the subscribed quantity; a stairstep asks its tier's fee alone. A recurring tier fee is part of
-- the price of the charge period and prorated with it.
with

dated as (
    select * from {{ ref('int_rating__charges_dated') }}
    where reason is null
),

tiers as (
    select * from {{ ref('stg_catalog__charge_prices') }}
    where dimension_value = 'ANY'
),

over_tiers as (
    select
        dated.*,
        tiers.tier,
        {{ money("case dated.charge_model when 'stairstep' then 0 else tiers.unit_price end * dated.fx_rate") }}
            as tier_price,
        {{ money('tiers.flat_fee * dated.fx_rate') }} as tier_fee,
        cast(
            case dated.charge_model
                when 'graduated' then {{ part_in_tier('dated.subscribed_quantity', 'tiers') }}
                when 'volume' then case when {{ tier_holds('tiers', 'dated.subscribed_quantity') }} then dated.subscribed_quantity else 0 end
                when 'stairstep' then case when {{ tier_holds('tiers', 'dated.subscribed_quantity') }} then dated.subscribed_quantity else 0 end
                when 'package'
                    then case
                        when tiers.lower = 0
                            then {{ blocks('dated.subscribed_quantity', 'tiers.package_size', 'tiers.round_down') }}
                        else 0
                    end
                when 'per_unit' then case when tiers.lower = 0 then dated.subscribed_quantity else 0 end
                else case when tiers.lower = 0 then 1 else 0 end
            end as decimal(38, 12)
        ) as tier_quantity,
        case dated.charge_model
            when 'graduated'
                then dated.subscribed_quantity > tiers.lower or (tiers.lower = 0 and tiers.flat_fee_at_zero)
            when 'volume'
                then {{ tier_holds('tiers', 'dated.subscribed_quantity') }}
                and (dated.subscribed_quantity > 0 or tiers.flat_fee_at_zero)
            when 'stairstep'
                then {{ tier_holds('tiers', 'dated.subscribed_quantity') }} and dated.subscribed_quantity > 0
            else false
        end as is_entered
    from dated
    inner join tiers
        on dated.charge_id = tiers.charge_id
        and dated.price_valid_from = tiers.valid_from
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
