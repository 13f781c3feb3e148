-- Which meters read which labels of which series: a meter's filter holds, its dimension's label is kept. Of events only
-- what is a counter or a gauge is read as samples, and by meters of their own kind of resource.
with

quarter_hours as (
    select * from {{ ref('int_metering__quarter_hours') }}
),

meters as (
    select * from {{ ref('stg_catalog__meters') }}
),

label_sets as (
    select distinct
        billing_period,
        subject_kind,
        series,
        labels
    from quarter_hours
),

filter_terms as (
    {{ split_to_rows('meters', 'meter_id', 'filter', ';') }}
),

-- `key=value`; an empty value asks for the label's absence.
conditions as (
    select
        meter_id,
        trim(split_part(part, '=', 1)) as label_key,
        trim(substr(part, position('=' in part) + 1)) as label_value
    from filter_terms
    where trim(part) <> ''
),

condition_counts as (
    select
        meter_id,
        count(*) as conditions
    from conditions
    group by meter_id
),

readable as (
    select
        label_sets.billing_period,
        label_sets.subject_kind,
        label_sets.series,
        label_sets.labels,
        meters.meter_id,
        meters.resource_kind,
        case
            when meters.dimension is null then ''
            else coalesce({{ json_text('label_sets.labels', 'meters.dimension') }}, '')
        end as dimension_value
    from label_sets
    inner join meters
        on {{ series_key('label_sets.series') }} = {{ series_key('meters.series') }}
        and (
            label_sets.subject_kind = 'ANY'
            or (
                label_sets.subject_kind = meters.resource_kind
                and meters.sample_type in ('counter', 'gauge')
                and meters.aggregation <> 'unique_count'
            )
        )
),

conditions_held as (
    select
        readable.billing_period,
        readable.subject_kind,
        readable.series,
        readable.labels,
        readable.meter_id,
        count(*) as conditions
    from readable
    inner join conditions on readable.meter_id = conditions.meter_id
    where coalesce({{ json_text('readable.labels', 'conditions.label_key') }}, '') = conditions.label_value
    group by
        readable.billing_period, readable.subject_kind, readable.series, readable.labels, readable.meter_id
),

metered as (
    select readable.*
    from readable
    left join condition_counts on readable.meter_id = condition_counts.meter_id
    left join conditions_held
        on
            readable.billing_period = conditions_held.billing_period
            and readable.subject_kind = conditions_held.subject_kind
            and readable.series = conditions_held.series
            and readable.labels = conditions_held.labels
            and readable.meter_id = conditions_held.meter_id
    where coalesce(condition_counts.conditions, 0) = coalesce(conditions_held.conditions, 0)
)

select * from metered
