-- Silences of a series longer than a value holds. Recorded for the reader; nothing is billed for them and nothing is
-- made up. A gap is known when the series is heard again and stands in that quarter hour and UTC month.
with

quarter_hours as (
    select * from {{ ref('int_metering__quarter_hours') }}
),

gaps as (
    select
        billing_period,
        source,
        subject_kind,
        series,
        labels,
        quarter_starts_at,
        silent_since,
        heard_again_at,
        gap_count,
        gap_seconds
    from quarter_hours
    where
        gap_count > 0
        and quarter_starts_at >= billing_period
        and cast(quarter_starts_at as date) <= last_day(billing_period)
)

select * from gaps
