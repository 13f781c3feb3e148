-- Which meters read which API events. An event is usage of three resources, one for each way it is metered: its client
-- application, the provider of its API and its consumer; a meter names one of them as its resource kind, so that no
-- event counts twice in one way. Its series says what an event is worth: 1, its bytes, or its consumer as a text.
with

events as (
    select * from {{ ref('stg_wso2__events') }}
),

meters as (
    select * from {{ ref('stg_catalog__meters') }} as every_meter
    where {{ reads_api_events('every_meter') }}
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

-- What a meter asks of each member. One that asks two things of it, or something of a member that events do not have,
-- reads nothing; an empty value asks for the member's absence.
asked as (
    select
        meter_id,
        {%- for column, keys in api_event_members().items() %}
        min(case when label_key in ('{{ keys | join("', '") }}') then label_value end) as {{ column }},
        max(case when label_key in ('{{ keys | join("', '") }}') then label_value end) as {{ column }}_too,
        {%- endfor %}
        max(
            case
                when label_key not in (
                    {%- for keys in api_event_members().values() -%}
                        '{{ keys | join("', '") }}'{{ ', ' if not loop.last }}
                    {%- endfor -%}
                ) then label_value
                else ''
            end
        ) as something_else
    from conditions
    group by meter_id
),

readable as (
    select
        events.billing_period as sampled_period,
        meters.meter_id,
        meters.aggregation,
        meters.scale,
        meters.unit,
        meters.resource_kind,
        case meters.resource_kind
            {%- for kind, column in api_event_ways().items() %}
            when '{{ kind }}' then events.{{ column }}
            {%- endfor %}
        end as resource_id,
        coalesce(
            case
                {%- for column, keys in api_event_members().items() %}
                when meters.dimension in ('{{ keys | join("', '") }}') then events.{{ column }}
                {%- endfor %}
            end,
            ''
        ) as dimension_value,
        'wso2' as source,
        events.event_id,
        events.occurred_at,
        case {{ series_key('meters.series') }}
            when 'wso2_requests' then cast(1 as decimal(38, 12))
            when 'wso2_bytes' then cast(events.bytes as decimal(38, 12))
        end as value,
        case {{ series_key('meters.series') }}
            when 'wso2_requests' then '1'
            when 'wso2_bytes' then cast(events.bytes as varchar)
            else events.consumer_id
        end as value_text,
        events.api_id,
        events.provider_id,
        events.application_id,
        events.consumer_id
    from events
    inner join meters on true
    left join asked on meters.meter_id = asked.meter_id
    where
        asked.meter_id is null
        or (
            asked.something_else = ''
            {%- for column in api_event_members() %}
            and coalesce(asked.{{ column }} = coalesce(events.{{ column }}, ''), true)
            and coalesce(asked.{{ column }}_too = coalesce(events.{{ column }}, ''), true)
            {%- endfor %}
        )
)

select * from readable
