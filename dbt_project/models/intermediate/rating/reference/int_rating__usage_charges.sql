-- Usage charges, and whether they ask for something rating cannot do yet: such usage is listed as not rated, with the
-- reason, instead of being priced by half a rule.
with

plan_charges as (
    select * from {{ ref('stg_catalog__plan_charges') }}
),

usage_charges as (
    select
        charge_id,
        plan_id,
        name as charge_name,
        meter_id,
        charge_model,
        rating_window,
        included_quantity,
        tax_category,
        charge_model not in ('flat', 'per_unit', 'graduated', 'volume')
        or rating_window not in ('period', 'day')
        or prorate_units
        or discount <> 0
        or free_events <> 0
        or free_amount <> 0
        or minimum_amount is not null
        or maximum_amount is not null as asks_for_more
    from plan_charges
    where charge_type = 'usage'
)

select * from usage_charges
