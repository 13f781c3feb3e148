-- API gateway events, each id once.
-- Not guaranteed by the source: order, punctuality, one delivery per event, one content per id. The same content again
-- changes nothing; of different contents the greatest is kept, a rule that no order of arrival can bend, and the others
-- are in int_metering__events_in_conflict. Few ids are repeated: only theirs are ranked, so that a month's events are
-- read without sorting those of all months.
with

delivered as (
    select * from {{ source('wso2', 'events') }}
),

repeated as (
    select event_id from {{ source('wso2', 'events') }}
    group by event_id
    having count(*) > 1
),

told_once as (
    select * from delivered
    where not exists (select 1 from repeated where delivered.event_id = repeated.event_id)
),

told_again as (
    select * from delivered
    where exists (select 1 from repeated where delivered.event_id = repeated.event_id)
    qualify row_number() over ({{ greatest_api_event_first() }}) = 1
),

kept as (
    select * from told_once
    union all
    select * from told_again
),

judged as (
    select
        billing_period,
        event_id,
        occurred_at,
        api_id,
        api_name,
        api_version,
        provider_id,
        application_id,
        application_name,
        consumer_id,
        event_type,
        status,
        cast(status as varchar) as status_text,
        substr(cast(status as varchar), 1, 1) || 'xx' as status_class,
        coalesce(status >= 400, false) or coalesce(event_type = 'fault', false) as is_error,
        case when coalesce(status >= 400, false) or coalesce(event_type = 'fault', false) then 'true' else 'false' end
            as is_error_text,
        bytes,
        error_type,
        key_type,
        method,
        resource
    from kept
)

select * from judged
