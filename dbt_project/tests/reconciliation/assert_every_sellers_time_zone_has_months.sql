-- Fails when the final seller of a resource counts in a zone the calendar does not hold: its usage would fall into no
-- month.
{{ config(meta={'dagster': {'ref': {'name': 'int_metering__resources_owned'}}}) }}
with

resources as (
    select * from {{ in_run(ref('int_metering__resources_owned')) }}
)

select distinct
    billing_period,
    seller_id,
    time_zone
from resources
where not has_months
