-- Which day each quarter hour is in each zone. Days start at the first quarter hour that shows them and never go back,
-- and a month's first and last day reach to the month's bounds: days tile months as months tile time.
with

months as (
    select * from {{ ref('stg_lake__months') }}
),

-- 31 days of 25 hours at most, with room to spare.
numbers as (
    {{ numbers(3072) }}
),

quarter_hours as (
    select
        months.time_zone,
        months.billing_period,
        {{ dbt.dateadd('minute', '15 * numbers.number', 'months.starts_at') }} as quarter_starts_at
    from months
    inner join numbers on {{ dbt.dateadd('minute', '15 * numbers.number', 'months.starts_at') }} < months.ends_at
),

shown as (
    select
        time_zone,
        billing_period,
        quarter_starts_at,
        greatest(
            billing_period,
            least(last_day(billing_period), {{ local_date('time_zone', 'quarter_starts_at') }})
        ) as shown_date
    from quarter_hours
),

dated as (
    select
        time_zone,
        billing_period,
        quarter_starts_at,
        cast(quarter_starts_at as date) as utc_date,
        max(shown_date) over (
            partition by time_zone, billing_period
            order by quarter_starts_at
            rows between unbounded preceding and current row
        ) as usage_date
    from shown
)

select * from dated
