-- Delivered events whose key another content holds: what was not kept, for the quarantine.
with

delivered as (
    select * from {{ source('cloudevents', 'events') }}
),

told as (
    select
        *,
        concat_ws(
            '|', coalesce(cast(value as varchar), ''), coalesce(text_value, ''), cast(occurred_at as varchar), type,
            resource_kind, resource_id, coalesce(voids, ''), data
        ) as content
    from delivered
),

ranked as (
    select
        *,
        first_value(content) over ({{ greatest_event_first() }}) as kept_content
    from told
),

in_conflict as (
    select
        billing_period,
        delivery_id,
        source_file,
        source_row,
        source,
        event_id,
        type,
        resource_kind,
        resource_id,
        occurred_at,
        data
    from ranked
    where content <> kept_content
)

select * from in_conflict
