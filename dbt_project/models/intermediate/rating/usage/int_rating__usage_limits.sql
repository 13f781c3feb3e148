-- The minimum and maximum of usage charges as a whole and of their prices, in the edge's currency,
-- with the days of the month on which the subscription runs on a plan that has the charge: a minimum is prorated by them, a
-- maximum never. The edge and the rate are those of the last such day. One row per month, subscription, charge and price
-- version that is valid on one of these days.
with

months as (
    select * from {{ ref('int_rating__months') }}
),

subscriptions as (
    select * from {{ ref('stg_catalog__subscriptions') }}
),

plans as (
    select * from {{ ref('stg_catalog__plans') }}
),

charges as (
    select * from {{ ref('int_rating__usage_charges') }}
    where charge_model <> 'flat' and not asks_for_more
),

versions as (
    select * from {{ ref('int_rating__price_versions') }}
),

edges as (
    select * from {{ ref('int_rating__edges_dated') }}
),

fx_rates as (
    select * from {{ ref('int_rating__edge_rates') }}
),

locked_rates as (
    select * from fx_rates where from_currency = 'ANY'
),

limits as (
    select
        charge_id,
        true as is_whole_charge,
        'ANY' as price_dimension,
        cast('1900-01-01' as date) as price_valid_from,
        cast('9999-12-31' as date) as price_valid_to,
        minimum_amount,
        maximum_amount
    from charges
    union all
    select charge_id, false as is_whole_charge, dimension_value, valid_from, valid_to, minimum_amount, maximum_amount
    from versions
),

live as (
    select
        months.billing_period,
        months.next_period,
        subscriptions.subscription_id,
        subscriptions.plan_id,
        subscriptions.seller_id,
        subscriptions.buyer_id,
        greatest(months.billing_period, subscriptions.start_date, subscriptions.valid_from) as live_from,
        least(
            {{ add_days('months.next_period', -1) }},
            subscriptions.end_date,
            {{ add_days('subscriptions.valid_to', -1) }}
        ) as live_until
    from months
    inner join subscriptions
        on subscriptions.start_date < months.next_period
        and subscriptions.end_date >= months.billing_period
        and subscriptions.valid_from < months.next_period
        and subscriptions.valid_to > months.billing_period
),

counted as (
    select
        live.billing_period,
        live.next_period,
        live.subscription_id,
        live.plan_id,
        live.seller_id,
        live.buyer_id,
        limits.charge_id,
        limits.is_whole_charge,
        limits.price_dimension,
        limits.price_valid_from,
        limits.minimum_amount,
        limits.maximum_amount,
        charges.charge_name,
        charges.tax_category,
        min(live.live_from) as first_live_date,
        max(live.live_until) as last_live_date,
        cast(sum(datediff('day', live.live_from, live.live_until) + 1) as bigint) as live_days,
        cast(datediff('day', live.billing_period, live.next_period) as bigint) as period_days
    from live
    inner join charges on live.plan_id = charges.plan_id
    inner join limits
        on charges.charge_id = limits.charge_id
        and limits.price_valid_from <= live.live_until
        and limits.price_valid_to > live.live_from
    where
        live.live_from <= live.live_until
        and (limits.minimum_amount is not null or limits.maximum_amount is not null)
    group by all
),

edged as (
    select
        counted.*,
        edges.agreement_id,
        edges.currency,
        cast(
            case
                when plans.currency = edges.currency then 1
                else coalesce(locked_rates.rate, fx_rates.rate, edges.fx_fixed_rate)
            end as decimal(38, 12)
        ) as fx_rate
    from counted
    inner join plans on counted.plan_id = plans.plan_id
    left join edges
        on counted.seller_id = edges.seller_id
        and counted.buyer_id = edges.buyer_id
        and {{ valid_on('edges', 'counted.last_live_date') }}
    left join fx_rates
        on edges.agreement_id = fx_rates.agreement_id
        and counted.billing_period = fx_rates.service_period
        and plans.currency = fx_rates.from_currency
    left join locked_rates
        on edges.agreement_id = locked_rates.agreement_id
        and counted.billing_period = locked_rates.service_period
),

converted as (
    select
        * exclude (minimum_amount, maximum_amount, last_live_date),
        billing_period as service_period,
        {{ money('maximum_amount * fx_rate') }} as maximum_amount,
        case
            when live_days = period_days then {{ money('minimum_amount * fx_rate') }}
            else {{ divide('minimum_amount * fx_rate * live_days', 'period_days') }}
        end as minimum_amount,
        case
            when minimum_amount is null then null
            when agreement_id is null then 'no_agreement'
            when fx_rate is null then 'missing_fx_rate'
        end as reason
    from edged
)

select * from converted
