-- The catalog's plan_charges as last delivered. An empty term its default.
with

delivered as (
    select * from {{ source('catalog', 'plan_charges') }}
),

last_delivered as (
    select * from delivered
    qualify recorded_at = max(recorded_at) over ()
),

defaulted as (
    select
        charge_id,
        plan_id,
        name,
        charge_type,
        charge_model,
        meter_id,
        coalesce(timing, 'in_arrears') as timing,
        coalesce("interval", 'month') as charge_interval,
        coalesce("window", 'period') as rating_window,
        cast(coalesce(included_quantity, 0) as decimal(38, 12)) as included_quantity,
        cast(coalesce(free_events, 0) as decimal(38, 12)) as free_events,
        cast(coalesce(free_amount, 0) as decimal(38, 12)) as free_amount,
        cast(coalesce(discount, 0) as decimal(38, 12)) as discount,
        cast(coalesce(multiplier, 1) as decimal(38, 12)) as multiplier,
        coalesce(prorate_units, false) as prorate_units,
        proration,
        minimum_amount,
        maximum_amount,
        coalesce(tax_category, 'standard') as tax_category,
        recorded_at,
        delivery_id,
        source_file,
        source_row
    from last_delivered
)

select * from defaulted
