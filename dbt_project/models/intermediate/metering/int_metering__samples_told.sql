-- Readings of counters and gauges, and steps of deltas, however they came: samples of edge servers, and CloudEvents that
-- are read as such. Not yet one per key: who reads it takes duplicates out (kept_value), after leaving out what it does not
-- need. An edge sample's subject is any kind of resource (its host); an event names its own.
-- No step of this query is read twice: below one that is, DuckDB reads every column of the samples, whoever asks for them.
with

edge_samples as (
    select * from {{ source('edge', 'samples') }}
),

readings as (
    select * from {{ ref('int_metering__readings_told') }}
),

told as (
    select
        'edge' as feed,
        source as account,
        billing_period,
        delivery_id,
        source_file,
        source_row,
        source,
        'ANY' as subject_kind,
        series,
        labels,
        sampled_at,
        value,
        text_value
    from edge_samples
    union all
    select
        'cloudevents' as feed,
        account,
        billing_period,
        delivery_id,
        source_file,
        source_row,
        source,
        subject_kind,
        series,
        labels,
        sampled_at,
        value,
        text_value
    from readings
)

select * from told
