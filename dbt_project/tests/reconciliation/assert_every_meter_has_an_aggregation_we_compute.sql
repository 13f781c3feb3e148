-- Warns of meters that stay without usage because their aggregation has no meaning. Catalogs that have one are refused
-- (ingestion/sources/catalog_meters.py); a lake of before may hold one.
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
    (sample_type = 'counter' and aggregation in ('mean_time_weighted', 'weighted_sum', 'unique_count'))
    or (sample_type = 'gauge' and aggregation = 'weighted_sum')
    or (sample_type in ('delta', 'event') and aggregation = 'mean_time_weighted')
