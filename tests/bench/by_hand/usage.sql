-- The plain window query: landed samples to the quantities of fct_metered_usage, for a month whose days are UTC's. A
-- counter's usage is the sum of its steps, a drop is a restart and adds the new value; a gauge's value holds until the
-- next sample, at most 300 seconds, on the day on which it holds. In: variable files.

create table usage as
with samples as (
    select
        source,
        series,
        sampled_at,
        value,
        lag(value) over in_time as previous_value,
        least(lead(sampled_at) over in_time, sampled_at + interval 300 seconds) as held_until,
        cast(sampled_at as date) + 1 as midnight
    from read_parquet(getvariable('files'))
    window in_time as (partition by source, series, labels order by sampled_at)
),

steps as (
    select
        source,
        series,
        cast(sampled_at as date) as usage_date,
        case
            when previous_value is null then 0
            when value >= previous_value then value - previous_value
            else value
        end as quantity
    from samples
    where series like 'net_%'
),

holds as (
    select source, series, cast(sampled_at as date) as usage_date, value,
        datediff('microsecond', sampled_at, least(held_until, midnight)) as microseconds
    from samples
    where series like 'sys_%'
    union all
    select source, series, cast(midnight as date), value, datediff('microsecond', midnight, held_until)
    from samples
    where series like 'sys_%' and held_until > midnight
),

days as (
    select
        source,
        series,
        usage_date,
        sum(cast(cast(value as decimal(18, 6)) * microseconds as decimal(38, 6))) as value_microseconds,
        sum(microseconds) as microseconds
    from holds
    where usage_date < date '2026-02-01'
    group by all
)

select
    case series when 'net_bytes_recv' then 'received' else 'sent' end as meter_id,
    source as resource_id,
    usage_date,
    cast(sum(quantity) as decimal(38, 12)) as quantity
from steps
group by source, series, usage_date
union all
select
    'memory',
    source,
    usage_date,
    cast(value_microseconds * cast(0.000001 as decimal(6, 6)) as decimal(38, 12))
from days
where series = 'sys_used'
union all
-- A mean at 12 decimals, half away from zero, in whole numbers: `/` would give a DOUBLE.
select
    'load',
    source,
    usage_date,
    cast(
        (2 * cast(value_microseconds * 1000000 as hugeint) * 1000000 + microseconds) // (2 * microseconds)
        as decimal(38, 0)
    ) * cast(0.000000000001 as decimal(12, 12))
from days
where series = 'sys_load';
