-- Series of events of which no meter read any in a month, with a meter that names them and what stood in its way: its
-- filter asks for a key that no event of the series has ever had. What a filter leaves out by value it left out on purpose;
-- where a meter reads some of a series, the rest was its choice.
with

events_counted as (
    select * from {{ ref('int_metering__events_counted') }}
),

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

meters as (
    select
        *,
        {{ series_key('series') }} as series_key
    from {{ ref('stg_catalog__meters') }}
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

without_reader as (
    select distinct
        events_counted.billing_period,
        events_counted.series_key,
        events_counted.resource_kind
    from events_counted
    left join series_read
        on events_counted.billing_period = series_read.billing_period
        and events_counted.series_key = series_read.series_key
        and events_counted.resource_kind = series_read.resource_kind
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
    inner join without_reader
        on meters.series_key = without_reader.series_key and meters.resource_kind = without_reader.resource_kind
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

series_unread as (
    select
        without_reader.billing_period,
        without_reader.series_key,
        without_reader.resource_kind,
        series_judged.meter_id,
        series_judged.label_key,
        coalesce(series_judged.meters_that_chose, 0) as meters_that_chose
    from without_reader
    left join series_judged
        on without_reader.series_key = series_judged.series_key
        and without_reader.resource_kind = series_judged.resource_kind
)

select * from series_unread
