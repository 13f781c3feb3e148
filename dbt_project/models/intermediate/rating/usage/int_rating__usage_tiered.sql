-- Every day's paid quantity over the tiers of its own price version, and the fees of tiers entered on that day.
-- per_unit prices all of it by its first tier; graduated cuts it where the running total crosses a bound; volume puts
-- all of it into the tier that holds the window's total. One row per day and tier that prices something or has a fee.
with

accumulated as (
    select * from {{ ref('int_rating__usage_accumulated') }}
),

tiers as (
    select * from {{ ref('stg_catalog__charge_prices') }}
),

over_tiers as (
    select
        accumulated.*,
        tiers.tier,
        tiers.lower,
        {{ money('tiers.unit_price * accumulated.fx_rate') }} as unit_price,
        {{ money('tiers.flat_fee * accumulated.fx_rate') }} as flat_fee,
        case accumulated.charge_model
            when 'graduated'
                then {{ part_in_tier('accumulated.paid_so_far', 'tiers') }}
                - {{ part_in_tier('(accumulated.paid_so_far - accumulated.paid_quantity)', 'tiers') }}
            when 'volume'
                then case when {{ tier_holds('tiers', 'accumulated.paid_in_window') }} then accumulated.paid_quantity else 0 end
            else case when tiers.tier = min(tiers.tier) over (
                partition by tiers.charge_id, tiers.dimension_value, tiers.valid_from
            ) then accumulated.paid_quantity else 0 end
        end as tier_quantity,
        case accumulated.charge_model
            when 'graduated'
                then accumulated.paid_so_far > tiers.lower and accumulated.paid_in_window > tiers.lower
            when 'volume'
                then {{ tier_holds('tiers', 'accumulated.paid_in_window') }}
                and accumulated.paid_in_window > 0
                and accumulated.usage_date = accumulated.last_date_in_window
            else false
        end as is_entered
    from accumulated
    inner join tiers
        on accumulated.charge_id = tiers.charge_id
        and accumulated.price_dimension = tiers.dimension_value
        and accumulated.price_valid_from = tiers.valid_from
),

-- A tier is entered once per window, on the first day whose total passes its bound, at that day's price.
entered_once as (
    select
        * exclude (is_entered),
        is_entered and row_number() over (
            partition by billing_period, subscription_id, charge_id, price_dimension, window_start, tier
            order by case when is_entered then 0 else 1 end, usage_date
        ) = 1 as is_entered
    from over_tiers
),

tiered as (
    select
        * exclude (tier_quantity),
        cast(tier_quantity as decimal(38, 12)) as tier_quantity
    from entered_once
    where tier_quantity <> 0 or (is_entered and flat_fee <> 0)
)

select * from tiered
