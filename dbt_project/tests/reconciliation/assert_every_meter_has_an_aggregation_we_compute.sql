-- Warns of meters that stay without usage: samples are not aggregated as weighted_sum or unique_count, events not
-- as a time-weighted mean.
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
where
    (sample_type in ('counter', 'gauge') and aggregation in ('weighted_sum', 'unique_count'))
    or (sample_type in ('delta', 'event') and aggregation = 'mean_time_weighted')
