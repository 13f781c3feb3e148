-- What a charge is to price, as the records its windows are filled with, in time order: the days of the metered usage, or
-- the single events where the price asks for them (percentage, dynamic, windows per record or group, prorated units).
-- One row per subscription, charge, price dimension and record.
with

subscribed as (
    select * from {{ ref('int_rating__usage_subscribed') }}
    where charge_id is not null and reason is null and charge_model <> 'flat'
),

events as (
    select * from {{ ref('int_metering__events_metered') }}
),

{%- set terms %}
        subscribed.billing_period,
        subscribed.service_period,
        subscribed.agreement_id,
        subscribed.seller_id,
        subscribed.buyer_id,
        subscribed.subscription_id,
        subscribed.charge_id,
        subscribed.charge_name,
        subscribed.charge_model,
        subscribed.tax_category,
        subscribed.price_dimension,
        subscribed.price_valid_from,
        subscribed.included_quantity,
        subscribed.free_events,
        subscribed.free_amount,
        subscribed.multiplier,
        subscribed.prorate_units,
        subscribed.currency,
        subscribed.fx_rate,
        subscribed.usage_date
{%- endset %}

-- A window of days is filled by each day's own value, the period by what each day adds to the month's.
by_day as (
    select
        {{ terms }},
        cast(subscribed.usage_date as timestamp) as recorded_at,
        '-' as record_id,
        case subscribed.rating_window
            when 'day' then cast(subscribed.usage_date as varchar)
            else {{ month_text('subscribed.service_period') }}
        end as window_key,
        min(subscribed.unit) as unit,
        cast(
            sum(case subscribed.rating_window when 'day' then subscribed.quantity else subscribed.period_quantity end)
            as decimal(38, 12)
        ) as quantity,
        cast(null as decimal(24, 6)) as remaining_seconds,
        cast(null as decimal(24, 6)) as period_seconds
    from subscribed
    where not subscribed.is_by_record
    group by {{ terms }}, subscribed.rating_window
),

by_record as (
    select
        {{ terms }},
        events.occurred_at as recorded_at,
        events.record_id,
        case subscribed.rating_window
            when 'record' then events.record_id
            when 'group' then coalesce(events.group_id, '-')
            when 'day' then cast(subscribed.usage_date as varchar)
            else {{ month_text('subscribed.service_period') }}
        end as window_key,
        subscribed.unit,
        case subscribed.charge_model when 'dynamic' then events.event_amount else events.quantity end as quantity,
        events.remaining_seconds,
        events.period_seconds
    from subscribed
    inner join events
        on subscribed.billing_period = events.billing_period
        and subscribed.meter_id = events.meter_id
        and subscribed.resource_kind = events.resource_kind
        and subscribed.resource_id = events.resource_id
        and subscribed.dimension_value = events.dimension_value
        and subscribed.usage_date = events.usage_date
        and subscribed.owner_party_id = events.owner_party_id
    where subscribed.is_by_record
),

recorded as (
    select * from by_day
    union all
    select * from by_record
)

select * from recorded
