-- Every record's paid quantity over the tiers of its own price version, and the fees of tiers entered with it.
-- Graduated prices cut it where the running total crosses a bound; volume and stairstep put all of it into the tier that
-- holds the window's total; the others have one tier. used_quantity is what a tier takes of the usage, tier_quantity
-- what it prices: blocks where the price has a package size, units times the rest of the month where they are prorated.
-- One row per record and tier that takes something or has a fee.
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
        accumulated.paid_so_far - accumulated.paid_quantity as paid_before,
        tiers.tier,
        tiers.lower,
        tiers.upper,
        tiers.package_size,
        tiers.round_down,
        {{ money(unit_price_of('accumulated', 'tiers') ~ ' * accumulated.fx_rate') }} as unit_price,
        {{ money(
            "coalesce(case accumulated.charge_model when 'percentage' then tiers.fixed_fee else tiers.flat_fee end, 0)"
            ~ ' * accumulated.fx_rate'
        ) }} as flat_fee,
        {{ money('tiers.per_event_minimum * accumulated.fx_rate') }} as per_event_minimum,
        {{ money('tiers.per_event_maximum * accumulated.fx_rate') }} as per_event_maximum,
        case
            when accumulated.charge_model in ('graduated', 'graduated_percentage', 'p95') then 'cut'
            when accumulated.charge_model in ('volume', 'stairstep') then 'held'
            else 'first'
        end as manner,
        {{ tier_holds('tiers', 'accumulated.paid_in_window') }} as holds_window,
        tiers.tier = min(tiers.tier) over (
            partition by tiers.charge_id, tiers.dimension_value, tiers.valid_from
        ) as is_first_tier
    from accumulated
    inner join tiers
        on accumulated.charge_id = tiers.charge_id
        and accumulated.price_dimension = tiers.dimension_value
        and accumulated.price_valid_from = tiers.valid_from
),

filled as (
    select
        *,
        case
            when manner = 'cut' then {{ part_in_tier('paid_so_far', 'over_tiers') }}
            when manner = 'held' and holds_window or manner = 'first' and is_first_tier then paid_so_far
            else 0
        end as filled_after,
        case
            when manner = 'cut' then {{ part_in_tier('paid_before', 'over_tiers') }}
            when manner = 'held' and holds_window or manner = 'first' and is_first_tier then paid_before
            else 0
        end as filled_before,
        case
            when charge_model = 'percentage' then is_first_tier and is_paid_event
            when manner = 'cut' then paid_so_far > lower and (paid_in_window > lower or prorate_units)
            when manner = 'held' then holds_window and paid_in_window > 0 and usage_date = last_date_in_window
            else false
        end as is_entered
    from over_tiers
),

-- A tier is entered once per window, with the first record whose total passes its bound, at that record's price.
priced as (
    select
        * exclude (is_entered),
        cast(filled_after - filled_before as decimal(38, 12)) as used_quantity,
        cast(
            case
                when package_size is not null
                    then {{ blocks('filled_after', 'package_size', 'round_down') }}
                    - {{ blocks('filled_before', 'package_size', 'round_down') }}
                when prorate_units
                    then {{ time_weighted_mean(
                        multiply('(filled_after - filled_before)', 'remaining_seconds'), 'period_seconds'
                    ) }}
                else filled_after - filled_before
            end as decimal(38, 12)
        ) as tier_quantity,
        is_entered and (charge_model = 'percentage' or row_number() over (
            partition by billing_period, subscription_id, charge_id, price_dimension, window_key, tier
            order by case when is_entered then 0 else 1 end, recorded_at, record_id
        ) = 1) as is_entered
    from filled
),

event_priced as (
    select
        *,
        {{ money('tier_quantity * unit_price') }} + flat_fee as event_price
    from priced
),

capped as (
    select
        *,
        least(event_price, coalesce(per_event_maximum, event_price)) as capped_price
    from event_priced
),

-- What an event's own minimum adds to its price, and its maximum takes off (negative).
clamped as (
    select
        *,
        case
            when charge_model = 'percentage' and is_entered
                then {{ money('greatest(capped_price, coalesce(per_event_minimum, capped_price)) - event_price') }}
            else 0
        end as event_adjustment
    from capped
),

tiered as (
    select * exclude (paid_before, manner, holds_window, is_first_tier, filled_after, filled_before, event_price, capped_price)
    from clamped
    where used_quantity <> 0 or tier_quantity <> 0 or (is_entered and flat_fee <> 0) or event_adjustment <> 0
)

select * from tiered
