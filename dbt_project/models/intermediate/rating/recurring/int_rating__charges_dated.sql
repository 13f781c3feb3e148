-- The live days of a charge period cut where its price changes, each part with its edge, price version and rate. One
-- row per part. The share that is billed is billed_days / period_days: days as they are, days of 30 to the month
-- (assume_30), or days of a year of 12 months of 30 days (strict_30_360), a charge period being whole months. A second
-- policy (second) is the days' own, as subscriptions change at midnight. Without proration a charge period has one price,
-- the last that was valid in it. `reason` says why a part cannot be priced; days between two versions are counted in
-- unpriced_days.
with

charge_periods as (
    select * from {{ ref('int_rating__charge_periods') }}
),

versions as (
    select * from {{ ref('int_rating__price_versions') }}
    where dimension_value = 'ANY'
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

priced_charges as (
    select distinct charge_id from {{ ref('int_rating__price_versions') }}
),

parts as (
    select
        charge_periods.*,
        priced_charges.charge_id is not null as has_prices,
        versions.valid_from as price_valid_from,
        case
            when charge_periods.charge_model = 'package' then versions.has_rate or versions.has_event_terms
            else versions.asks_for_more
        end as price_asks_for_more,
        case
            when charge_periods.charge_model in ('graduated', 'volume') then not versions.has_every_price
            when charge_periods.charge_model = 'stairstep' then not versions.has_every_flat_fee
            when charge_periods.charge_model = 'package'
                then not versions.has_every_unit_price or not versions.has_every_package_size or not versions.starts_at_zero
            else not versions.has_every_unit_price
        end as price_lacks_a_term,
        greatest(charge_periods.live_from, coalesce(versions.valid_from, charge_periods.live_from)) as part_from,
        least(
            charge_periods.live_until,
            coalesce({{ add_days('versions.valid_to', -1) }}, charge_periods.live_until)
        ) as part_until
    from charge_periods
    left join versions
        on charge_periods.charge_id = versions.charge_id
        and versions.valid_from <= charge_periods.live_until
        and versions.valid_to > charge_periods.live_from
    left join priced_charges on charge_periods.charge_id = priced_charges.charge_id
),

counted as (
    select
        *,
        cast(datediff('day', part_from, part_until) + 1 as bigint) as part_days,
        cast(datediff('day', live_from, live_until) + 1 as bigint) as live_days,
        cast(datediff('day', period_start, period_end) as bigint) as period_days
    from parts
),

edged as (
    select
        counted.*,
        edges.agreement_id,
        edges.currency,
        case when counted.charge_type = 'one_time' then 'none' else coalesce(counted.charge_proration, edges.proration) end
            as proration,
        cast(
            case
                when counted.plan_currency = edges.currency then 1
                else coalesce(locked_rates.rate, fx_rates.rate, edges.fx_fixed_rate)
            end as decimal(38, 12)
        ) as fx_rate
    from counted
    left join edges
        on counted.seller_id = edges.seller_id
        and counted.buyer_id = edges.buyer_id
        and {{ valid_on('edges', 'counted.part_from') }}
    left join fx_rates
        on edges.agreement_id = fx_rates.agreement_id
        and counted.service_period = fx_rates.service_period
        and counted.plan_currency = fx_rates.from_currency
    left join locked_rates
        on edges.agreement_id = locked_rates.agreement_id
        and counted.service_period = locked_rates.service_period
),

reasoned as (
    select
        * exclude (period_days, has_prices, price_lacks_a_term),
        case when proration in ('assume_30', 'strict_30_360') then 30 * interval_months else period_days end as period_days,
        case proration
            when 'none' then period_days
            when 'strict_30_360'
                then {{ charge_days_of_360(add_days('part_until', 1)) }} - {{ charge_days_of_360('part_from') }}
            else part_days
        end as billed_days,
        case
            when agreement_id is null then 'no_agreement'
            when
                asks_for_more
                or charge_model not in ('flat', 'per_unit', 'graduated', 'volume', 'stairstep', 'package')
                then 'model_not_supported'
            when not has_prices then 'no_price'
            when price_valid_from is null then 'price_gap'
            when price_asks_for_more then 'model_not_supported'
            when price_lacks_a_term then 'price_gap'
            when fx_rate is null then 'missing_fx_rate'
        end as reason
    from edged
),

prorated as (
    select * from reasoned
    qualify
        coalesce(proration, '-') <> 'none'
        or row_number() over (
            partition by billing_period, service_period, subscription_id, charge_id, period_start
            order by part_from desc
        ) = 1
),

-- Days of the charge period that no price version covers, told on its first part.
dated as (
    select
        *,
        case
            when
                proration <> 'none'
                and price_valid_from is not null
                and row_number() over (
                    partition by
                        billing_period, service_period, subscription_id, charge_id, period_start, live_from
                    order by part_from
                ) = 1
                then live_days - cast(
                    sum(part_days) over (
                        partition by
                            billing_period, service_period, subscription_id, charge_id, period_start, live_from
                    ) as bigint
                )
            else 0
        end as unpriced_days
    from prorated
)

select * from dated
