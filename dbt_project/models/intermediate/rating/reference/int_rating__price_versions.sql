-- The versions of a charge's price: one row per charge, dimension value and validity, without its tiers, and which
-- terms its tiers name, so that a price that does not fit its model is listed instead of being half applied, and one
-- without an amount is not a price of 0.
with

charge_prices as (
    select * from {{ ref('stg_catalog__charge_prices') }}
),

versions as (
    select
        charge_id,
        dimension_value,
        valid_from,
        valid_to,
        count(package_size) > 0 as has_package_size,
        min(coalesce(package_size, 0)) > 0 as has_every_package_size,
        min(lower) = 0 as starts_at_zero,
        count(case when not names_unit_price then 1 end) = 0 as has_every_unit_price,
        count(case when not names_flat_fee then 1 end) = 0 as has_every_flat_fee,
        count(case when not names_unit_price and not names_flat_fee then 1 end) = 0 as has_every_price,
        count(rate) > 0 as has_rate,
        count(rate) = count(*) as has_every_rate,
        count(fixed_fee) + count(per_event_minimum) + count(per_event_maximum) > 0 as has_event_terms,
        max(
            cast(greatest(coalesce(unit_price, 0), coalesce(rate, 0)) as double)
            / cast(coalesce(nullif(package_size, 0), 1) as double)
        ) as greatest_price,
        max(minimum_amount) as minimum_amount,
        max(maximum_amount) as maximum_amount
    from charge_prices
    group by charge_id, dimension_value, valid_from, valid_to
),

told as (
    select
        *,
        has_package_size or has_rate or has_event_terms as asks_for_more
    from versions
)

select * from told
