-- Fails when a term of a meter's filter is not key=value: the meter would silently measure nothing.
{{ config(meta={'dagster': {'ref': {'name': 'stg_catalog__meters'}}}) }}
with

meters as (
    select * from {{ ref('stg_catalog__meters') }}
),

filter_terms as (
    {{ split_to_rows('meters', 'meter_id', 'filter', ';') }}
)

select
    meter_id,
    part
from filter_terms
where trim(part) <> '' and position('=' in part) < 2
