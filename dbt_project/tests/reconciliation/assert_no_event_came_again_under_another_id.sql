-- Warns of events that say the same of the same resource at the same instant under several ids of one source: a sender
-- that retries with a new id. They count, as any id does; whoever sent them voids the ones too many (fault 45).
{{ config(
    severity='warn',
    store_failures=true,
    meta={'dagster': {'ref': {'name': 'stg_cloudevents__events'}}},
) }}

with

events as (
    select * from {{ in_run(ref('stg_cloudevents__events')) }}
),

repeated as (
    select
        billing_period,
        source,
        type,
        resource_kind,
        resource_id,
        occurred_at,
        min(event_id) as first_event_id,
        max(event_id) as last_event_id,
        count(*) as events
    from events
    group by billing_period, source, type, resource_kind, resource_id, occurred_at, value, text_value, data
    having count(*) > 1
)

select * from repeated
