-- Tier 1's flat fee of a graduated or volume charge is due although nothing was used unless its price says otherwise, that
-- of a stairstep or a tiered percentile where its price says so: once for each month in which the subscription is live, at
-- the price of its first live day, never prorated.
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
    where charge_model in ('graduated', 'volume', 'stairstep', 'p95') and not asks_for_more
),

tiers as (
    select * from {{ ref('stg_catalog__charge_prices') }}
    where lower = 0 and flat_fee <> 0 and flat_fee_at_zero
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

accumulated as (
    select * from {{ ref('int_rating__usage_accumulated') }}
),

live as (
    select
        months.billing_period,
        months.next_period,
        subscriptions.subscription_id,
        subscriptions.plan_id,
        subscriptions.seller_id,
        subscriptions.buyer_id,
        min(greatest(months.billing_period, subscriptions.start_date, subscriptions.valid_from)) as first_live_date
    from months
    inner join subscriptions
        on subscriptions.start_date < months.next_period
        and subscriptions.end_date >= months.billing_period
        and subscriptions.valid_from < months.next_period
        and subscriptions.valid_to > months.billing_period
        and subscriptions.valid_from <= subscriptions.end_date
        and subscriptions.valid_to > subscriptions.start_date
    group by all
),

-- A window in which something was paid has entered tier 1 itself; prorated units have also where they were taken back.
paid as (
    select distinct billing_period, subscription_id, charge_id, price_dimension
    from accumulated
    where paid_in_window > 0 or (prorate_units and paid_so_far > 0)
),

due as (
    select
        live.billing_period,
        live.billing_period as service_period,
        live.next_period,
        live.first_live_date,
        live.subscription_id,
        live.seller_id,
        live.buyer_id,
        charges.charge_id,
        charges.charge_name,
        charges.tax_category,
        tiers.dimension_value as price_dimension,
        tiers.valid_from as price_valid_from,
        tiers.tier,
        edges.agreement_id,
        edges.currency,
        tiers.flat_fee,
        cast(
            case
                when plans.currency = edges.currency then 1
                else coalesce(locked_rates.rate, fx_rates.rate, edges.fx_fixed_rate)
            end as decimal(38, 12)
        ) as fx_rate
    from live
    inner join plans on live.plan_id = plans.plan_id
    inner join charges on live.plan_id = charges.plan_id
    inner join tiers on charges.charge_id = tiers.charge_id and {{ valid_on('tiers', 'live.first_live_date') }}
    left join edges
        on live.seller_id = edges.seller_id
        and live.buyer_id = edges.buyer_id
        and {{ valid_on('edges', 'live.first_live_date') }}
    left join fx_rates
        on edges.agreement_id = fx_rates.agreement_id
        and live.billing_period = fx_rates.service_period
        and plans.currency = fx_rates.from_currency
    left join locked_rates
        on edges.agreement_id = locked_rates.agreement_id
        and live.billing_period = locked_rates.service_period
    left join paid
        on live.billing_period = paid.billing_period
        and live.subscription_id = paid.subscription_id
        and charges.charge_id = paid.charge_id
        and tiers.dimension_value = paid.price_dimension
    where paid.charge_id is null
),

fees as (
    select
        *,
        case
            when agreement_id is null then 'no_agreement'
            when fx_rate is null then 'missing_fx_rate'
        end as reason,
        {{ money('flat_fee * fx_rate') }} as amount
    from due
)

select * from fees
