-- Which meters read which events: the meter's series is the event's type, its kind the subject's, its filter holds.
-- API events come matched; they have no data but the four they are charged by. Samples are events where they are looked
-- at one by one: for a running sum of deltas and for unique values, texts among them. Of all months, because a running
-- balance (weighted_sum) starts with what earlier months left.
with

events as (
    select * from {{ ref('stg_cloudevents__events') }}
),

samples as (
    select * from {{ source('edge', 'samples') }}
),

meters as (
    select
        *,
        {{ series_key('series') }} as series_key,
        aggregation in ('weighted_sum', 'unique_count') as reads_single_samples
    from {{ ref('stg_catalog__meters') }}
    where sample_type in ('delta', 'event') or (sample_type = 'gauge' and aggregation = 'unique_count')
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

-- Not stg_edge__samples: the few series wanted have to be found before duplicates are taken out.
single_samples as (
    select
        billing_period,
        source,
        series || '/' || labels || '/' || cast(sampled_at as varchar) as event_id,
        {{ series_key('series') }} as series_key,
        sampled_at as occurred_at,
        {{ kept_value('value') }} as value,
        {{ kept_value('text_value') }} as text_value,
        labels as data
    from samples
    where {{ series_key('series') }} in (select series_key from meters where reads_single_samples)
    group by billing_period, source, series, labels, sampled_at
),

told as (
    select
        billing_period,
        source,
        event_id,
        series_key,
        resource_kind,
        resource_id,
        occurred_at,
        value,
        text_value,
        data,
        false as is_sample
    from events
    union all
    select
        single_samples.billing_period,
        single_samples.source,
        single_samples.event_id,
        single_samples.series_key,
        kinds.resource_kind,
        single_samples.source as resource_id,
        single_samples.occurred_at,
        single_samples.value,
        single_samples.text_value,
        single_samples.data,
        true as is_sample
    from single_samples
    inner join (select distinct series_key, resource_kind from meters where reads_single_samples) as kinds
        on single_samples.series_key = kinds.series_key
),

readable as (
    select
        told.*,
        meters.meter_id,
        meters.aggregation,
        meters.scale,
        meters.unit,
        case
            when meters.dimension is null then ''
            else coalesce({{ json_text('told.data', 'meters.dimension') }}, '')
        end as dimension_value
    from told
    inner join meters
        on told.series_key = meters.series_key
        and told.resource_kind = meters.resource_kind
        and (meters.reads_single_samples or not told.is_sample)
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
