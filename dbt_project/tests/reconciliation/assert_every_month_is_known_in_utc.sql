-- Fails when the calendar lacks a month in UTC, the zone of usage nobody sells: such usage would fall into no month.
{{ config(meta={'dagster': {'ref': {'name': 'stg_lake__months'}}}) }}
with

months as (
    select * from {{ ref('stg_lake__months') }}
)

select billing_period
from months
group by billing_period
having max(case when time_zone = 'UTC' then 1 else 0 end) = 0
