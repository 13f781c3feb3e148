-- The exchange rates of every edge and month: a fixed rate of the agreement for any currency, else its source's. What a
-- seller has closed keeps the rates it was closed with. The close locks these rows, so both must be looked up alike.
with

agreements as (
    select * from {{ ref('stg_catalog__agreements') }}
),

months as (
    select * from {{ source('lake', 'months') }}
    where time_zone = 'UTC'
),

fx_rates as (
    select * from {{ ref('int_rating__fx_rates') }}
),

locked_rates as (
    select * from {{ source('lake', 'ledger_fx_rates') }}
),

current_rates as (
    select
        agreements.agreement_id,
        agreements.seller_id,
        months.billing_period as service_period,
        'ANY' as from_currency,
        cast(agreements.fx_fixed_rate as decimal(38, 12)) as rate
    from agreements
    cross join months
    where agreements.fx_fixed_rate is not null
    union all
    select
        agreements.agreement_id,
        agreements.seller_id,
        fx_rates.service_period,
        fx_rates.from_currency,
        cast(fx_rates.rate as decimal(38, 12)) as rate
    from agreements
    inner join fx_rates
        on agreements.currency = fx_rates.to_currency
        and coalesce(agreements.fx_source, 'ANY') = fx_rates.fx_source
    where agreements.fx_fixed_rate is null
),

locked_months as (
    select distinct agreement_id, service_period, from_currency = 'ANY' as is_fixed
    from locked_rates
),

-- A currency that had no rate at the close may get one later; a rate that was there stays as it was.
edge_rates as (
    select
        locked_rates.agreement_id,
        agreements.seller_id,
        locked_rates.service_period,
        locked_rates.from_currency,
        locked_rates.rate
    from locked_rates
    inner join agreements on locked_rates.agreement_id = agreements.agreement_id
    union all
    select current_rates.*
    from current_rates
    left join locked_rates
        on current_rates.agreement_id = locked_rates.agreement_id
        and current_rates.service_period = locked_rates.service_period
        and current_rates.from_currency = locked_rates.from_currency
    left join locked_months
        on current_rates.agreement_id = locked_months.agreement_id
        and current_rates.service_period = locked_months.service_period
        and (locked_months.is_fixed or current_rates.from_currency = 'ANY')
    where locked_rates.agreement_id is null and locked_months.agreement_id is null
)

select * from edge_rates
