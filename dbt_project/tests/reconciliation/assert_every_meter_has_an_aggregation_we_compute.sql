-- Warns of meters that stay without usage: events, and the aggregations weighted_sum, p95 and unique_count, are not
-- computed from samples.
{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'stg_catalog__meters'}}}) }}
with

meters as (
    select * from {{ ref('stg_catalog__meters') }}
)

select
    meter_id,
    sample_type,
    aggregation
from meters
where sample_type = 'event' or aggregation in ('weighted_sum', 'p95', 'unique_count')
