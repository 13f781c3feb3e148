-- CloudEvents that are readings of counters and gauges, or steps of deltas: of a type that a meter of counters or gauges
-- names for their kind of resource. What they are samples of, and how they lie beside those of edge servers, is
-- int_metering__samples_told. An event names its own subject. The series of events are told apart by who sent them
-- (@source) and by the keys of data that a meter of the series names; whatever else data holds may change from one reading
-- to the next.
with

-- Not stg_cloudevents__events: the few keys wanted have to be found before repetitions and voids are taken out. Who meters
-- no counter by events pays nothing for two million of them; through the staging view it was six seconds a month.
-- Imported once per use: DuckDB writes a step that is read twice to memory.
events_ever as (
    select * from {{ source('cloudevents', 'events') }}
),

delivered_events as (
    select * from {{ source('cloudevents', 'events') }}
),

voids as (
    select distinct source, voids as event_id from {{ source('cloudevents', 'events') }}
    where voids is not null
),

meters as (
    select
        *,
        {{ series_key('series') }} as series_key
    from {{ ref('stg_catalog__meters') }}
    where sample_type in ('counter', 'gauge') and aggregation <> 'unique_count'
),

series_wanted as (
    select distinct series_key, resource_kind from meters
),

filter_terms as (
    {{ split_to_rows('meters', 'meter_id', 'filter', ';') }}
),

keys_named as (
    select meters.series_key, meters.resource_kind, meters.dimension as label_key
    from meters
    where meters.dimension is not null
    union
    select meters.series_key, meters.resource_kind, trim(split_part(filter_terms.part, '=', 1)) as label_key
    from meters
    inner join filter_terms on meters.meter_id = filter_terms.meter_id
    where trim(filter_terms.part) <> ''
),

keys_wanted as (
    select distinct events_ever.source, events_ever.event_id
    from events_ever
    inner join series_wanted
        on {{ series_key('events_ever.type') }} = series_wanted.series_key
        and events_ever.resource_kind = series_wanted.resource_kind
),

-- Each key once, by the rule of all events.
kept as (
    select * from delivered_events
    where exists (
        select 1 from keys_wanted
        where delivered_events.source = keys_wanted.source and delivered_events.event_id = keys_wanted.event_id
    )
    qualify row_number() over ({{ greatest_event_first() }}) = 1
),

readings as (
    select
        kept.*,
        series_wanted.series_key
    from kept
    inner join series_wanted
        on {{ series_key('kept.type') }} = series_wanted.series_key and kept.resource_kind = series_wanted.resource_kind
    left join voids on kept.source = voids.source and kept.event_id = voids.event_id
    where kept.voids is null and voids.event_id is null
),

labels_of_readings as (
    select source, event_id, '@source' as label_key, source as label
    from readings
    union all
    select
        readings.source,
        readings.event_id,
        keys_named.label_key,
        {{ json_text('readings.data', 'keys_named.label_key') }} as label
    from readings
    inner join keys_named
        on readings.series_key = keys_named.series_key and readings.resource_kind = keys_named.resource_kind
),

labelled as (
    select
        source,
        event_id,
        '{' || {{ dbt.listagg(
            json_literal('label_key') ~ " || ':' || " ~ json_literal('label'), "','", 'order by label_key'
        ) }} || '}' as labels
    from labels_of_readings
    where label is not null
    group by source, event_id
),

told as (
    select
        readings.source as account,
        readings.billing_period,
        readings.delivery_id,
        readings.source_file,
        readings.source_row,
        readings.resource_id as source,
        readings.resource_kind as subject_kind,
        readings.type as series,
        labelled.labels,
        readings.occurred_at as sampled_at,
        readings.value,
        readings.text_value
    from readings
    inner join labelled on readings.source = labelled.source and readings.event_id = labelled.event_id
)

select * from told
