-- Usage events, each key once.
-- Not guaranteed by the source: order, punctuality, one delivery per event, one content per key. The same content again
-- changes nothing; of different contents the greatest is kept, a rule that no order of arrival can bend, and the others
-- are in int_metering__events_in_conflict. An event that another one of its source voids is taken out, whenever the void
-- comes; the void itself is no usage. Few ids are repeated: only theirs are ranked, so that a month's events are read without
-- sorting those of all months.
with

delivered as (
    select * from {{ source('cloudevents', 'events') }}
),

voids as (
    select distinct source, voids as event_id from {{ source('cloudevents', 'events') }}
    where voids is not null
),

repeated as (
    select source, event_id from {{ source('cloudevents', 'events') }}
    group by source, event_id
    having count(*) > 1
),

told_once as (
    select * from delivered
    where not exists (
        select 1 from repeated where delivered.source = repeated.source and delivered.event_id = repeated.event_id
    )
),

told_again as (
    select * from delivered
    where exists (
        select 1 from repeated where delivered.source = repeated.source and delivered.event_id = repeated.event_id
    )
    qualify row_number() over ({{ greatest_event_first() }}) = 1
),

kept as (
    select * from told_once
    union all
    select * from told_again
),

standing as (
    select
        kept.billing_period,
        kept.source,
        kept.event_id,
        kept.type,
        {{ series_key('kept.type') }} as series_key,
        kept.resource_kind,
        kept.resource_id,
        kept.occurred_at,
        kept.value,
        kept.text_value,
        kept.data
    from kept
    left join voids on kept.source = voids.source and kept.event_id = voids.event_id
    where kept.voids is null and voids.event_id is null
)

select * from standing
