-- What running sums of deltas (weighted_sum) bring into the month: the sum of all deltas before its start, as a record
-- of its first instant that lasts the whole month. Owner and zone are those of the month's first day.
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

balances as (
    select
        months.billing_period,
        events.meter_id,
        events.resource_kind,
        events.resource_id,
        events.dimension_value,
        months.billing_period as usage_date,
        coalesce(resources.owner_party_id, 'unassigned') as owner_party_id,
        events.scale,
        events.unit,
        cast(sum(events.value) as decimal(38, 12)) as balance
    from months
    inner join events on events.occurred_at < months.starts_at
    left join resources
        on months.billing_period = resources.billing_period
        and events.resource_kind = resources.resource_kind
        and events.resource_id = resources.resource_id
        and months.billing_period = resources.owned_on
    where months.time_zone = coalesce(resources.time_zone, 'UTC')
    group by
        months.billing_period, events.meter_id, events.resource_kind, events.resource_id, events.dimension_value,
        coalesce(resources.owner_party_id, 'unassigned'), events.scale, events.unit
)

select * from balances
where balance <> 0
