-- Usage charges with the terms their models read. `is_by_record` says that single events are priced, not days.
-- `asks_for_more` marks terms that mean nothing under the charge's model: such usage is listed as not rated, with the
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
        free_events,
        free_amount,
        discount,
        multiplier,
        prorate_units,
        minimum_amount,
        maximum_amount,
        tax_category,
        charge_model in ('percentage', 'dynamic') or rating_window in ('record', 'group') or prorate_units as is_by_record,
        (charge_model = 'flat' and rating_window not in ('period', 'day'))
        or (prorate_units and charge_model not in ('per_unit', 'graduated', 'volume'))
        or (charge_model <> 'percentage' and (free_events <> 0 or free_amount <> 0))
        or (charge_model = 'dynamic' and included_quantity <> 0)
        or (included_quantity <> 0 and (free_events <> 0 or free_amount <> 0)) as asks_for_more
    from plan_charges
    where charge_type = 'usage'
)

select * from usage_charges
