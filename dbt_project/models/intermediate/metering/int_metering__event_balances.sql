-- What running sums of deltas (weighted_sum) bring into the month: the sum of all deltas before its start, as a record
-- of its first instant that lasts the whole month. Whether a delta is before it says the zone of its own day, as where it
-- counts by itself (int_metering__events_metered), so that none counts twice or never at a change of sellers. The owner
-- is that of the month's first day.
with

months as (
    select * from {{ ref('stg_lake__months') }}
),

events as (
    select * from {{ ref('int_metering__events_matched') }}
    where aggregation = 'weighted_sum'
),

resources as (
    select * from {{ ref('int_metering__resources_owned') }}
),

-- Those of the day before a month and of its first ones are there; what is older is before it in every zone.
before_month as (
    select
        months.billing_period,
        events.*
    from months
    inner join events on events.occurred_at < months.starts_at
    left join resources
        on months.billing_period = resources.billing_period
        and events.resource_kind = resources.resource_kind
        and events.resource_id = resources.resource_id
        and cast(events.occurred_at as date) = resources.owned_on
    where months.time_zone = coalesce(resources.time_zone, 'UTC')
),

balances as (
    select
        events.billing_period,
        events.meter_id,
        events.resource_kind,
        events.resource_id,
        events.dimension_value,
        events.billing_period as usage_date,
        coalesce(resources.owner_party_id, 'unassigned') as owner_party_id,
        events.scale,
        events.unit,
        cast(sum(events.value) as decimal(38, 12)) as balance
    from before_month as events
    left join resources
        on events.billing_period = resources.billing_period
        and events.resource_kind = resources.resource_kind
        and events.resource_id = resources.resource_id
        and events.billing_period = resources.owned_on
    group by
        events.billing_period, events.meter_id, events.resource_kind, events.resource_id, events.dimension_value,
        coalesce(resources.owner_party_id, 'unassigned'), events.scale, events.unit
)

select * from balances
where balance <> 0
