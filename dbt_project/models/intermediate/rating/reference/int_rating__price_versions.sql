-- The versions of a charge's price: one row per charge, dimension value and validity, without its tiers, and whether
-- the price asks for something rating cannot do yet.
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
        max(
            case
                when package_size is not null or rate is not null or fixed_fee is not null
                    or per_event_minimum is not null or per_event_maximum is not null
                    or minimum_amount is not null or maximum_amount is not null then 1
                else 0
            end
        ) = 1 as asks_for_more
    from charge_prices
    group by charge_id, dimension_value, valid_from, valid_to
)

select * from versions
