-- Delivered events that no meter could read: none names their type and kind of resource, its filter asks for a key that no
-- event of the series has ever had, or data.value is no number where a charged meter adds numbers up. What a filter leaves
-- out by value is left out on purpose and is not listed. The first two are looked for by series and month: where one meter
-- reads some of a series, the rest was its choice.
with

events as (
    select * from {{ ref('stg_cloudevents__events') }}
),

-- Imported once per use: DuckDB writes a step that is read twice to memory, here every event there ever was.
events_ever as (
    select * from {{ ref('stg_cloudevents__events') }}
),

events_metered as (
    select * from {{ ref('int_metering__events_metered') }}
),

series_of_samples as (
    select * from {{ ref('int_metering__series_metered') }}
    where subject_kind <> 'ANY'
),

samples as (
    select * from {{ ref('int_metering__samples_told') }}
    where subject_kind <> 'ANY' and value is null
),

-- A dynamic price reads data.amount.
meters_of_numbers as (
    select distinct plan_charges.meter_id
    from {{ ref('stg_catalog__plan_charges') }} as plan_charges
    where plan_charges.charge_type = 'usage' and plan_charges.charge_model <> 'dynamic'
),

meters as (
    select
        *,
        {{ series_key('series') }} as series_key
    from {{ ref('stg_catalog__meters') }}
),

resources as (
    select * from {{ ref('int_metering__resources_owned') }}
),

filter_terms as (
    {{ split_to_rows('meters', 'meter_id', 'filter', ';') }}
),

-- An empty value asks for the key's absence, which any event may have.
keys_asked as (
    select distinct
        meter_id,
        trim(split_part(part, '=', 1)) as label_key
    from filter_terms
    where trim(part) <> '' and trim(substr(part, position('=' in part) + 1)) <> ''
),

delivered as (
    select
        billing_period,
        type,
        series_key,
        resource_kind,
        resource_id,
        cast(occurred_at as date) as occurred_on,
        count(*) as events,
        count(value) as numbers
    from events
    group by billing_period, type, series_key, resource_kind, resource_id, cast(occurred_at as date)
),

series_read as (
    select distinct
        events_metered.billing_period,
        meters.series_key,
        events_metered.resource_kind
    from events_metered
    inner join meters on events_metered.meter_id = meters.meter_id
    union
    select billing_period, {{ series_key('series') }} as series_key, subject_kind as resource_kind
    from series_of_samples
),

series_unread as (
    select distinct
        delivered.billing_period,
        delivered.series_key,
        delivered.resource_kind
    from delivered
    left join series_read
        on delivered.billing_period = series_read.billing_period
        and delivered.series_key = series_read.series_key
        and delivered.resource_kind = series_read.resource_kind
    where series_read.series_key is null
),

meters_without_events as (
    select distinct
        meters.meter_id,
        meters.series_key,
        meters.resource_kind,
        meters.sample_type in ('delta', 'event')
        or meters.aggregation = 'unique_count'
        or trim(coalesce(meters.filter, '')) <> '' as could_choose
    from meters
    inner join series_unread
        on meters.series_key = series_unread.series_key and meters.resource_kind = series_unread.resource_kind
),

keys_known as (
    select distinct
        keys_asked.meter_id,
        keys_asked.label_key
    from events_ever
    inner join meters_without_events
        on events_ever.series_key = meters_without_events.series_key
        and events_ever.resource_kind = meters_without_events.resource_kind
    inner join keys_asked on meters_without_events.meter_id = keys_asked.meter_id
    where {{ json_text('events_ever.data', 'keys_asked.label_key') }} is not null
),

keys_unknown as (
    select keys_asked.meter_id, min(keys_asked.label_key) as label_key
    from keys_asked
    left join keys_known
        on keys_asked.meter_id = keys_known.meter_id and keys_asked.label_key = keys_known.label_key
    where keys_known.meter_id is null
    group by keys_asked.meter_id
),

-- Of each series: whether a meter could have read it and chose not to, else what stood in its way.
series_judged as (
    select
        meters_without_events.series_key,
        meters_without_events.resource_kind,
        min(meters_without_events.meter_id) as meter_id,
        min(keys_unknown.label_key) as label_key,
        count(case when could_choose and keys_unknown.meter_id is null then 1 end) as meters_that_chose
    from meters_without_events
    left join keys_unknown on meters_without_events.meter_id = keys_unknown.meter_id
    group by meters_without_events.series_key, meters_without_events.resource_kind
),

-- Of events read as samples a series without any number is among the unread already.
without_value as (
    select
        events_metered.billing_period,
        meters.series as type,
        events_metered.resource_kind,
        events_metered.resource_id,
        events_metered.owner_party_id,
        events_metered.usage_date as occurred_on,
        events_metered.meter_id,
        count(*) as events
    from events_metered
    inner join meters on events_metered.meter_id = meters.meter_id
    inner join meters_of_numbers on events_metered.meter_id = meters_of_numbers.meter_id
    where
        events_metered.value is null
        and events_metered.api_id is null
        and events_metered.aggregation not in ('count', 'unique_count')
    group by all
    union all
    select
        samples.billing_period,
        samples.series as type,
        samples.subject_kind as resource_kind,
        samples.source as resource_id,
        cast(null as varchar) as owner_party_id,
        cast(samples.sampled_at as date) as occurred_on,
        cast(null as varchar) as meter_id,
        count(*) as events
    from samples
    inner join series_read
        on samples.billing_period = series_read.billing_period
        and {{ series_key('samples.series') }} = series_read.series_key
        and samples.subject_kind = series_read.resource_kind
    group by samples.billing_period, samples.series, samples.subject_kind, samples.source, cast(samples.sampled_at as date)
),

unread as (
    select
        delivered.billing_period,
        delivered.type,
        delivered.resource_kind,
        delivered.resource_id,
        resources.seller_id,
        resources.owner_party_id,
        series_judged.meter_id,
        case
            when series_judged.meter_id is null then 'no_meter'
            when series_judged.label_key is not null then 'filter_key_unknown'
            else 'no_value'
        end as reason,
        series_judged.label_key,
        cast(
            sum(case
                when series_judged.meter_id is not null and series_judged.label_key is null
                    then delivered.events - delivered.numbers
                else delivered.events
            end) as bigint
        ) as events
    from delivered
    inner join series_unread
        on delivered.billing_period = series_unread.billing_period
        and delivered.series_key = series_unread.series_key
        and delivered.resource_kind = series_unread.resource_kind
    left join series_judged
        on delivered.series_key = series_judged.series_key
        and delivered.resource_kind = series_judged.resource_kind
    left join resources
        on delivered.billing_period = resources.billing_period
        and delivered.resource_kind = resources.resource_kind
        and delivered.resource_id = resources.resource_id
        and delivered.occurred_on = resources.owned_on
    -- A number at the turn of a month is read in the neighbouring one, where its seller's zone has it.
    where
        coalesce(series_judged.meters_that_chose, 0) = 0
        and (
            series_judged.meter_id is null
            or series_judged.label_key is not null
            or delivered.numbers < delivered.events
        )
    group by
        delivered.billing_period, delivered.type, delivered.resource_kind, delivered.resource_id, resources.seller_id,
        resources.owner_party_id, series_judged.meter_id, series_judged.label_key
    union all
    select
        without_value.billing_period,
        without_value.type,
        without_value.resource_kind,
        without_value.resource_id,
        resources.seller_id,
        coalesce(resources.owner_party_id, without_value.owner_party_id) as owner_party_id,
        without_value.meter_id,
        'no_value' as reason,
        cast(null as varchar) as label_key,
        cast(sum(without_value.events) as bigint) as events
    from without_value
    left join resources
        on without_value.billing_period = resources.billing_period
        and without_value.resource_kind = resources.resource_kind
        and without_value.resource_id = resources.resource_id
        and without_value.occurred_on = resources.owned_on
    group by
        without_value.billing_period, without_value.type, without_value.resource_kind, without_value.resource_id,
        resources.seller_id, coalesce(resources.owner_party_id, without_value.owner_party_id), without_value.meter_id
)

select * from unread
