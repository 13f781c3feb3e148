-- The catalog's charge_prices as last delivered. An empty match column becomes ANY; an empty term its default, which for
-- the fee at zero is due under graduated and volume charges alone; an open validity its ends. A dynamic charge takes its
-- amount from the events: without a row here, it has one without terms.
with

delivered as (
    select * from {{ source('catalog', 'charge_prices') }}
),

plan_charges as (
    select * from {{ ref('stg_catalog__plan_charges') }}
),

last_delivered as (
    select * from delivered
    qualify recorded_at = max(recorded_at) over ()
),

charge_models as (
    select charge_id, charge_model from plan_charges
),

defaulted as (
    select
        last_delivered.charge_id,
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
        coalesce(flat_fee_at_zero, charge_models.charge_model in ('graduated', 'volume'), false) as flat_fee_at_zero,
        coalesce(round_down, false) as round_down,
        recorded_at,
        delivery_id,
        source_file,
        source_row
    from last_delivered
    left join charge_models on last_delivered.charge_id = charge_models.charge_id
),

dynamic_without as (
    select
        plan_charges.charge_id,
        'ANY' as dimension_value,
        cast('1900-01-01' as date) as valid_from,
        cast('9999-12-31' as date) as valid_to,
        cast(1 as bigint) as tier,
        cast(0 as decimal(38, 12)) as lower,
        cast(null as decimal(38, 12)) as upper,
        cast(0 as decimal(38, 12)) as unit_price,
        cast(0 as decimal(38, 12)) as flat_fee,
        false as names_unit_price,
        false as names_flat_fee,
        cast(null as decimal(38, 12)) as package_size,
        cast(null as decimal(38, 12)) as rate,
        cast(null as decimal(38, 12)) as fixed_fee,
        cast(null as decimal(38, 12)) as per_event_minimum,
        cast(null as decimal(38, 12)) as per_event_maximum,
        cast(null as decimal(38, 12)) as minimum_amount,
        cast(null as decimal(38, 12)) as maximum_amount,
        true as flat_fee_at_zero,
        false as round_down,
        plan_charges.recorded_at,
        plan_charges.delivery_id,
        plan_charges.source_file,
        plan_charges.source_row
    from plan_charges
    left join defaulted on plan_charges.charge_id = defaulted.charge_id
    where plan_charges.charge_model = 'dynamic' and defaulted.charge_id is null
),

prices as (
    select * from defaulted
    union all
    select * from dynamic_without
)

select * from prices
