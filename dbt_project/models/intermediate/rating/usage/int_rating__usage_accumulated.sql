-- Usage in day order with its running totals: what is free is used up first, tiers are filled by what remains, both
-- over the whole window whatever price version a day has. One row per subscription, charge, price dimension and day.
-- The running totals of included quantity span all dimension values of the charge; tiers are filled per value.
with

subscribed as (
    select * from {{ ref('int_rating__usage_subscribed') }}
),

days as (
    select
        billing_period,
        service_period,
        agreement_id,
        seller_id,
        buyer_id,
        subscription_id,
        charge_id,
        charge_name,
        charge_model,
        tax_category,
        price_dimension,
        price_valid_from,
        usage_date,
        case rating_window when 'day' then usage_date else service_period end as window_start,
        included_quantity,
        currency,
        fx_rate,
        min(unit) as unit,
        -- A window of days is filled by each day's own value, the period by what each day adds to the month's.
        cast(sum(case rating_window when 'day' then quantity else period_quantity end) as decimal(38, 12)) as quantity
    from subscribed
    where charge_id is not null and reason is null and charge_model <> 'flat'
    group by all
),

running as (
    select
        *,
        sum(quantity) over (
            partition by billing_period, subscription_id, charge_id
            order by usage_date, price_dimension
            rows between unbounded preceding and current row
        ) as used_so_far
    from days
),

freed as (
    select
        *,
        cast(
            least(greatest(used_so_far, 0), included_quantity)
            - least(greatest(used_so_far - quantity, 0), included_quantity) as decimal(38, 12)
        ) as free_quantity
    from running
),

accumulated as (
    select
        * exclude (used_so_far, included_quantity),
        cast(quantity - free_quantity as decimal(38, 12)) as paid_quantity,
        cast(
            sum(quantity - free_quantity) over (
                partition by billing_period, subscription_id, charge_id, price_dimension, window_start
                order by usage_date
                rows between unbounded preceding and current row
            ) as decimal(38, 12)
        ) as paid_so_far,
        cast(
            sum(quantity - free_quantity) over (
                partition by billing_period, subscription_id, charge_id, price_dimension, window_start
            ) as decimal(38, 12)
        ) as paid_in_window,
        max(usage_date) over (
            partition by billing_period, subscription_id, charge_id, price_dimension, window_start
        ) as last_date_in_window
    from freed
)

select * from accumulated
