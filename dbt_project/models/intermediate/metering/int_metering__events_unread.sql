-- Delivered events that no meter could read: none names their type and kind of resource, it is a meter of samples, or its
-- filter asks for a key that no event of the series has ever had. What a filter leaves out by value is left out on purpose
-- and is not listed. Looked for by series and month: where one meter reads some of a series, the rest was its choice.
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
        count(*) as events
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
        meters.sample_type in ('delta', 'event') or meters.aggregation = 'unique_count' as reads_events
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
        count(case when reads_events and keys_unknown.meter_id is null then 1 end) as meters_that_chose
    from meters_without_events
    left join keys_unknown on meters_without_events.meter_id = keys_unknown.meter_id
    group by meters_without_events.series_key, meters_without_events.resource_kind
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
            else 'meter_reads_samples'
        end as reason,
        series_judged.label_key,
        cast(sum(delivered.events) as bigint) as events
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
    where coalesce(series_judged.meters_that_chose, 0) = 0
    group by
        delivered.billing_period, delivered.type, delivered.resource_kind, delivered.resource_id, resources.seller_id,
        resources.owner_party_id, series_judged.meter_id, series_judged.label_key
)

select * from unread
