-- The events of a month as usage records: each with its meter, its day in the zone of the final seller, its owner, and
-- how much of the month was left when it happened. Zone, day and owner by the same rules as samples
-- (int_metering__usage_dated). Rating reads it where a price asks for single records.
with

months as (
    select * from {{ ref('stg_lake__months') }}
),

events as (
    select * from {{ ref('int_metering__events_matched') }}
),

resources as (
    select * from {{ ref('int_metering__resources_owned') }}
),

reached as (
    {{ neighbouring_months('months') }}
),

around_month as (
    select
        reached.billing_period,
        events.*
    from reached
    inner join events on reached.sampled_period = events.sampled_period
),

dated as (
    select
        around_month.*,
        greatest(
            around_month.billing_period,
            least(
                last_day(around_month.billing_period), {{ local_date('months.time_zone', 'around_month.occurred_at') }}
            )
        ) as usage_date,
        {{ seconds_between('around_month.occurred_at', 'months.ends_at') }} as remaining_seconds,
        {{ seconds_between('months.starts_at', 'months.ends_at') }} as period_seconds
    from around_month
    left join resources
        on around_month.billing_period = resources.billing_period
        and around_month.resource_kind = resources.resource_kind
        and around_month.resource_id = resources.resource_id
        and cast(around_month.occurred_at as date) = resources.owned_on
    inner join months
        on around_month.billing_period = months.billing_period
        and coalesce(resources.time_zone, 'UTC') = months.time_zone
        and around_month.occurred_at >= months.starts_at
        and around_month.occurred_at < months.ends_at
),

owned as (
    select
        dated.billing_period,
        dated.meter_id,
        dated.resource_kind,
        dated.resource_id,
        dated.dimension_value,
        dated.usage_date,
        coalesce(resources.owner_party_id, 'unassigned') as owner_party_id,
        dated.aggregation,
        dated.scale,
        dated.unit,
        dated.occurred_at,
        dated.source || '/' || dated.event_id as record_id,
        {{ json_text('dated.data', "'group'") }} as group_id,
        dated.value,
        dated.value_text,
        -- Most scales are 1, and the exact product costs more than the rest of the row.
        case
            when dated.scale = 1
                then cast(coalesce(case when dated.aggregation = 'count' then 1 else dated.value end, 0) as decimal(38, 12))
            else
                {{ multiply('coalesce(case when dated.aggregation = \'count\' then 1 else dated.value end, 0)', 'dated.scale') }}
        end as quantity,
        try_cast({{ json_text('dated.data', "'amount'") }} as decimal(38, 12)) as event_amount,
        dated.remaining_seconds,
        dated.period_seconds,
        dated.api_id,
        dated.provider_id,
        dated.application_id,
        dated.consumer_id
    from dated
    left join resources
        on dated.billing_period = resources.billing_period
        and dated.resource_kind = resources.resource_kind
        and dated.resource_id = resources.resource_id
        and dated.usage_date = resources.owned_on
)

select * from owned
