-- Which meters read which events: the meter's series is the event's type, its kind the subject's, its filter holds.
-- API events come matched; they have no data but the four they are charged by. Of all months, because a running balance (weighted_sum) starts with what earlier months left.
with

events as (
    select * from {{ ref('stg_cloudevents__events') }}
),

meters as (
    select * from {{ ref('stg_catalog__meters') }}
    where sample_type in ('delta', 'event')
),

api_events as (
    select * from {{ ref('int_metering__api_events_matched') }}
),

filter_terms as (
    {{ split_to_rows('meters', 'meter_id', 'filter', ';') }}
),

conditions as (
    select
        meter_id,
        trim(split_part(part, '=', 1)) as label_key,
        trim(substr(part, position('=' in part) + 1)) as label_value
    from filter_terms
    where trim(part) <> ''
),

readable as (
    select
        events.*,
        meters.meter_id,
        meters.aggregation,
        meters.scale,
        meters.unit,
        case
            when meters.dimension is null then ''
            else coalesce({{ json_text('events.data', 'meters.dimension') }}, '')
        end as dimension_value
    from events
    inner join meters
        on events.series_key = {{ series_key('meters.series') }}
        and events.resource_kind = meters.resource_kind
),

-- An empty value asks for the key's absence.
left_out as (
    select distinct
        readable.meter_id,
        readable.source,
        readable.event_id
    from readable
    inner join conditions on readable.meter_id = conditions.meter_id
    where coalesce({{ json_text('readable.data', 'conditions.label_key') }}, '') <> conditions.label_value
),

matched as (
    select
        readable.billing_period as sampled_period,
        readable.meter_id,
        readable.aggregation,
        readable.scale,
        readable.unit,
        readable.resource_kind,
        readable.resource_id,
        readable.dimension_value,
        readable.source,
        readable.event_id,
        readable.occurred_at,
        readable.value,
        coalesce(readable.text_value, cast(readable.value as varchar)) as value_text,
        readable.data,
        cast(null as varchar) as api_id,
        cast(null as varchar) as provider_id,
        cast(null as varchar) as application_id,
        cast(null as varchar) as consumer_id
    from readable
    left join left_out
        on readable.meter_id = left_out.meter_id
        and readable.source = left_out.source
        and readable.event_id = left_out.event_id
    where left_out.event_id is null
    union all
    select
        sampled_period,
        meter_id,
        aggregation,
        scale,
        unit,
        resource_kind,
        resource_id,
        dimension_value,
        source,
        event_id,
        occurred_at,
        value,
        value_text,
        cast(null as varchar) as data,
        api_id,
        provider_id,
        application_id,
        consumer_id
    from api_events
)

select * from matched
