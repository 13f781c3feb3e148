-- One exchange rate per pair, month and source, and one for agreements that name no source: the rate without a source
-- or, failing that, the only one there is. Two rates that contradict each other are none: a missing rate holds the
-- charge, a guessed one would bill it. Nothing is inverted.
with

rates as (
    select * from {{ ref('stg_catalog__fx_rates') }}
),

per_source as (
    select
        from_currency,
        to_currency,
        service_period,
        coalesce(source, 'ANY') as fx_source,
        min(rate) as rate
    from rates
    group by all
    having min(rate) = max(rate)
),

only_source as (
    select
        from_currency,
        to_currency,
        service_period,
        'ANY' as fx_source,
        min(rate) as rate
    from per_source
    group by all
    having count(*) = 1 and min(fx_source) <> 'ANY'
),

looked_up as (
    select * from per_source
    union all
    select * from only_source
)

select * from looked_up
