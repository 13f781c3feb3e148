-- Usage in time order with its running totals: what is free is used up first, tiers are filled by what remains, both
-- over the whole window whatever price version a record has. The running totals of what is free span all dimension
-- values of the charge; tiers are filled per value. What a percentage includes ends within an event, like a free amount;
-- free events and a free amount end at the limit reached first. An event free in part is paid in part, and one of no
-- amount past the limits is a paid event.
-- One row per subscription, charge, price dimension and record.
with

recorded as (
    select * from {{ ref('int_rating__usage_recorded') }}
),

running as (
    select
        *,
        sum(quantity) over (
            partition by billing_period, subscription_id, charge_id
            order by recorded_at, record_id, price_dimension
            rows between unbounded preceding and current row
        ) as used_so_far,
        row_number() over (
            partition by billing_period, subscription_id, charge_id
            order by recorded_at, record_id, price_dimension
        ) as records_so_far
    from recorded
),

freed as (
    select
        *,
        cast(
            case
                when charge_model <> 'percentage' or included_quantity <> 0
                    then least(greatest(used_so_far, 0), included_quantity)
                    - least(greatest(used_so_far - quantity, 0), included_quantity)
                when free_events = 0 and free_amount = 0 then 0
                when free_events <> 0 and records_so_far > free_events then 0
                when free_amount = 0 then quantity
                else
                    least(greatest(used_so_far, 0), free_amount)
                    - least(greatest(used_so_far - quantity, 0), free_amount)
            end as decimal(38, 12)
        ) as free_quantity
    from running
),

{%- set window = 'partition by billing_period, subscription_id, charge_id, price_dimension, window_key' %}

accumulated as (
    select
        * exclude (used_so_far, records_so_far, included_quantity, free_events, free_amount),
        case when free_events <> 0 or free_amount <> 0 then 'free' else 'included' end as free_component,
        cast(quantity - free_quantity as decimal(38, 12)) as paid_quantity,
        charge_model = 'percentage'
        and (
            (quantity > 0 and quantity > free_quantity)
            or (
                quantity = 0
                and (
                    (free_events = 0 and free_amount = 0 and included_quantity = 0)
                    or (free_events <> 0 and records_so_far > free_events)
                    or (free_amount <> 0 and used_so_far >= free_amount)
                    or (included_quantity <> 0 and used_so_far >= included_quantity)
                )
            )
        ) as is_paid_event,
        cast(
            sum(quantity - free_quantity) over (
                {{ window }} order by recorded_at, record_id rows between unbounded preceding and current row
            ) as decimal(38, 12)
        ) as paid_so_far,
        cast(sum(quantity - free_quantity) over ({{ window }}) as decimal(38, 12)) as paid_in_window,
        max(usage_date) over ({{ window }}) as last_date_in_window
    from freed
)

select * from accumulated
