-- One row per input row that does not count, with the reason: refused at landing, or in conflict with another value.
{{ config(materialized='view') }}
with

refused as (
    select * from {{ source('lake', 'quarantine') }}
),

samples_in_conflict as (
    select * from {{ ref('int_metering__samples_in_conflict') }}
),

events_in_conflict as (
    select * from {{ ref('int_metering__events_in_conflict') }}
),

conflicts as (
    select
        billing_period,
        feed as source,
        case feed when 'edge' then 'samples' else 'events' end as table_name,
        account,
        delivery_id,
        source_file,
        source_row,
        'conflict' as reason,
        'value' as column_name,
        {{ json_object_text({
            'source': 'source',
            'series': 'series',
            'labels': 'labels',
            'sampled_at': 'cast(sampled_at as varchar)',
            'value': 'cast(value as varchar)',
            'text_value': 'text_value',
            'kept_value': 'cast(kept_value as varchar)',
        }) }} as payload
    from samples_in_conflict
    union all
    select
        billing_period,
        feed as source,
        'events' as table_name,
        account,
        delivery_id,
        source_file,
        source_row,
        'conflict' as reason,
        'event_id' as column_name,
        payload
    from events_in_conflict
),

quarantined as (
    select
        billing_period,
        source,
        table_name,
        account,
        delivery_id,
        source_file,
        source_row,
        reason,
        column_name,
        payload
    from refused
    union all
    select
        billing_period,
        source,
        table_name,
        account,
        delivery_id,
        source_file,
        source_row,
        reason,
        column_name,
        payload
    from conflicts
)

select * from quarantined
