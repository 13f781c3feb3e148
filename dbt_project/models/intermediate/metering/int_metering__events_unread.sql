-- Delivered events that no meter could read: none names their type and kind of resource, its filter asks for a key that no
-- event of the series has ever had, or data.value is no number where a charged meter adds numbers up. What a filter leaves
-- out by value is left out on purpose and is not listed. The first two are looked for by series and month.
with

events_counted as (
    select * from {{ ref('int_metering__events_counted') }}
),

series_unread as (
    select * from {{ ref('int_metering__series_unread') }}
),

events_metered as (
    select * from {{ ref('int_metering__events_metered') }}
),

samples as (
    select * from {{ ref('int_metering__samples_told') }}
    where subject_kind <> 'ANY' and value is null
),

-- A dynamic price reads data.amount.
usage_charges as (
    select plan_id, meter_id, case charge_model when 'dynamic' then 0 else 1 end as reads_numbers
    from {{ ref('stg_catalog__plan_charges') }}
    where charge_type = 'usage'
),

subscriptions as (
    select * from {{ ref('stg_catalog__subscriptions') }}
),

sellers as (
    select distinct seller_id from {{ ref('stg_catalog__agreements') }}
),

meters_of_numbers as (
    select distinct meter_id from usage_charges
    where reads_numbers = 1
),

parties_charged as (
    select
        usage_charges.meter_id,
        subscriptions.buyer_id,
        max(usage_charges.reads_numbers) as reads_numbers,
        max(case when sellers.seller_id is not null then usage_charges.reads_numbers else 0 end) as reads_numbers_to_resell
    from subscriptions
    inner join usage_charges on subscriptions.plan_id = usage_charges.plan_id
    left join sellers on subscriptions.buyer_id = sellers.seller_id
    group by usage_charges.meter_id, subscriptions.buyer_id
),

-- Who is charged by a meter's amounts alone, unless somebody who sells on is charged by its numbers: in doubt it is listed.
parties_of_amounts as (
    select meter_id, buyer_id from parties_charged
    qualify reads_numbers = 0 and max(reads_numbers_to_resell) over (partition by meter_id) = 0
),

meters as (
    select meter_id, series from {{ ref('stg_catalog__meters') }}
),

resources as (
    select * from {{ ref('int_metering__resources_owned') }}
),

series_counted as (
    select distinct billing_period, series_key, resource_kind from events_counted
),

-- A number at the turn of a month is read in the neighbouring one, where its seller's zone has it.
without_reader as (
    select
        counted.billing_period,
        counted.type,
        counted.resource_kind,
        counted.resource_id,
        counted.occurred_on,
        cast(null as varchar) as owner_party_id,
        series_unread.meter_id,
        case
            when series_unread.meter_id is null then 'no_meter'
            when series_unread.label_key is not null then 'filter_key_unknown'
            else 'no_value'
        end as reason,
        series_unread.label_key,
        case
            when series_unread.meter_id is not null and series_unread.label_key is null then counted.events - counted.numbers
            else counted.events
        end as events
    from events_counted as counted
    inner join series_unread
        on counted.billing_period = series_unread.billing_period
        and counted.series_key = series_unread.series_key
        and counted.resource_kind = series_unread.resource_kind
    where series_unread.meters_that_chose = 0
),

-- Of events read as samples a series without any number is among the unread already.
without_value as (
    select
        events_metered.billing_period,
        meters.series as type,
        events_metered.resource_kind,
        events_metered.resource_id,
        events_metered.usage_date as occurred_on,
        events_metered.owner_party_id,
        events_metered.meter_id
    from events_metered
    inner join meters on events_metered.meter_id = meters.meter_id
    inner join meters_of_numbers on events_metered.meter_id = meters_of_numbers.meter_id
    left join parties_of_amounts
        on events_metered.meter_id = parties_of_amounts.meter_id
        and events_metered.owner_party_id = parties_of_amounts.buyer_id
    where
        events_metered.value is null
        and (events_metered.event_amount is null or parties_of_amounts.buyer_id is null)
        and events_metered.api_id is null
        and events_metered.aggregation not in ('count', 'unique_count')
    union all
    select
        samples.billing_period,
        samples.series as type,
        samples.subject_kind as resource_kind,
        samples.source as resource_id,
        cast(samples.sampled_at as date) as occurred_on,
        cast(null as varchar) as owner_party_id,
        cast(null as varchar) as meter_id
    from samples
    inner join series_counted
        on samples.billing_period = series_counted.billing_period
        and {{ series_key('samples.series') }} = series_counted.series_key
        and samples.subject_kind = series_counted.resource_kind
    left join series_unread
        on series_counted.billing_period = series_unread.billing_period
        and series_counted.series_key = series_unread.series_key
        and series_counted.resource_kind = series_unread.resource_kind
    where series_unread.series_key is null
),

all_unread as (
    select * from without_reader
    where events > 0
    union all
    select
        billing_period, type, resource_kind, resource_id, occurred_on, owner_party_id, meter_id,
        'no_value' as reason,
        cast(null as varchar) as label_key,
        1 as events
    from without_value
),

unread as (
    select
        events.billing_period,
        events.type,
        events.resource_kind,
        events.resource_id,
        resources.seller_id,
        coalesce(resources.owner_party_id, events.owner_party_id) as owner_party_id,
        events.meter_id,
        events.reason,
        events.label_key,
        cast(sum(events.events) as bigint) as events
    from all_unread as events
    left join resources
        on events.billing_period = resources.billing_period
        and events.resource_kind = resources.resource_kind
        and events.resource_id = resources.resource_id
        and events.occurred_on = resources.owned_on
    group by all
)

select * from unread
