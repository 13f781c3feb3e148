-- Fails when the final seller of a resource, or usage without one (UTC), counts in a zone the calendar does not hold:
-- such usage would fall into no month.
{{ config(meta={'dagster': {'ref': {'name': 'int_metering__resources_owned'}}}) }}
with

resources as (
    select * from {{ ref('int_metering__resources_owned') }}
),

months as (
    select * from {{ ref('stg_lake__months') }}
),

zones_needed as (
    select distinct billing_period, time_zone from resources
    union distinct
    select distinct billing_period, 'UTC' as time_zone from months
)

select
    zones_needed.billing_period,
    zones_needed.time_zone
from zones_needed
left join months
    on zones_needed.billing_period = months.billing_period and zones_needed.time_zone = months.time_zone
where months.time_zone is null
