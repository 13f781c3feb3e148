-- Delivered events whose key another content holds: what was not kept, for the quarantine. Of API events, too.
with

delivered as (
    select * from {{ source('cloudevents', 'events') }}
),

api_events as (
    select * from {{ source('wso2', 'events') }}
),

repeated as (
    select source, event_id from {{ source('cloudevents', 'events') }}
    group by source, event_id
    having count(*) > 1
),

told as (
    select
        *,
        concat_ws(
            '|', coalesce(cast(value as varchar), ''), coalesce(text_value, ''), cast(occurred_at as varchar), type,
            resource_kind, resource_id, coalesce(voids, ''), data
        ) as content
    from delivered
    where exists (
        select 1 from repeated where delivered.source = repeated.source and delivered.event_id = repeated.event_id
    )
),

ranked as (
    select
        *,
        first_value(content) over ({{ greatest_event_first() }}) as kept_content
    from told
),

repeated_api_events as (
    select * from api_events
    where event_id in (select event_id from {{ source('wso2', 'events') }} group by event_id having count(*) > 1)
),

told_by_gateways as (
    select
        *,
        concat_ws(
            '|', cast(occurred_at as varchar)
            {%- for column in api_event_contents() %}, coalesce(cast({{ column }} as varchar), ''){% endfor %}
        ) as content
    from repeated_api_events
),

ranked_by_gateways as (
    select
        *,
        first_value(content) over ({{ greatest_api_event_first() }}) as kept_content
    from told_by_gateways
),

in_conflict as (
    select
        'cloudevents' as feed,
        source as account,
        billing_period,
        delivery_id,
        source_file,
        source_row,
        event_id,
        {{ json_object_text({
            'source': 'source',
            'id': 'event_id',
            'type': 'type',
            'subject': "resource_kind || ':' || resource_id",
            'time': 'cast(occurred_at as varchar)',
            'data': 'data',
        }) }} as payload
    from ranked
    where content <> kept_content
    union all
    select
        'wso2' as feed,
        case when split_part(source_file, '/', 4) = '' then '' else split_part(source_file, '/', 3) end as account,
        billing_period,
        delivery_id,
        source_file,
        source_row,
        event_id,
        {{ json_object_text({
            'event_id': 'event_id',
            'occurred_at': 'cast(occurred_at as varchar)',
            'api_id': 'api_id',
            'provider_id': 'provider_id',
            'application_id': 'application_id',
            'consumer_id': 'consumer_id',
            'status': 'cast(status as varchar)',
            'bytes': 'cast(bytes as varchar)',
        }) }} as payload
    from ranked_by_gateways
    where content <> kept_content
)

select * from in_conflict
