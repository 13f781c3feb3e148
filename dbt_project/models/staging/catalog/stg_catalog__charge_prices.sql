-- The catalog's charge_prices as last delivered. An empty match column becomes ANY; an empty term its default; an open validity its ends.
with

delivered as (
    select * from {{ source('catalog', 'charge_prices') }}
),

last_delivered as (
    select * from delivered
    qualify recorded_at = max(recorded_at) over ()
),

defaulted as (
    select
        charge_id,
        coalesce(dimension_value, 'ANY') as dimension_value,
        coalesce(valid_from, cast('1900-01-01' as date)) as valid_from,
        coalesce(valid_to, cast('9999-12-31' as date)) as valid_to,
        cast(coalesce(tier, 1) as bigint) as tier,
        cast(coalesce(lower, 0) as decimal(38, 12)) as lower,
        upper,
        cast(coalesce(unit_price, 0) as decimal(38, 12)) as unit_price,
        cast(coalesce(flat_fee, 0) as decimal(38, 12)) as flat_fee,
        unit_price is not null as names_unit_price,
        flat_fee is not null as names_flat_fee,
        package_size,
        rate,
        fixed_fee,
        per_event_minimum,
        per_event_maximum,
        minimum_amount,
        maximum_amount,
        coalesce(flat_fee_at_zero, true) as flat_fee_at_zero,
        coalesce(round_down, false) as round_down,
        recorded_at,
        delivery_id,
        source_file,
        source_row
    from last_delivered
)

select * from defaulted
