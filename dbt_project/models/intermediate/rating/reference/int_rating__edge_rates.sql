-- The exchange rates of every edge and month by the source its agreement names. A month that the seller has closed keeps
-- the rates it was closed with, a fixed one too (from_currency ANY); where there is no row, a fixed rate applies. A month
-- of which a charge in advance was issued keeps the rate of that before it is closed. A rate into another currency than the
-- agreement has by now says nothing any more.
with

agreements as (
    select * from {{ ref('stg_catalog__agreements') }}
),

fx_rates as (
    select * from {{ ref('int_rating__fx_rates') }}
),

ledger_fx_rates as (
    select * from {{ source('lake', 'ledger_fx_rates') }}
),

-- Entries of old do not say into which currency. A rate that was locked by a charge in advance is locked again by the close.
locked_rates as (
    select distinct
        ledger_fx_rates.agreement_id,
        ledger_fx_rates.service_period,
        ledger_fx_rates.from_currency,
        ledger_fx_rates.rate
    from ledger_fx_rates
    left join agreements on ledger_fx_rates.agreement_id = agreements.agreement_id
    where coalesce(ledger_fx_rates.to_currency = agreements.currency, true)
),

current_rates as (
    select
        agreements.agreement_id,
        fx_rates.service_period,
        fx_rates.from_currency,
        cast(fx_rates.rate as decimal(38, 12)) as rate
    from agreements
    inner join fx_rates
        on agreements.currency = fx_rates.to_currency
        and coalesce(agreements.fx_source, 'ANY') = fx_rates.fx_source
    where agreements.fx_fixed_rate is null
),

-- A currency that had no rate at the close may get one later; a rate that was there stays as it was.
edge_rates as (
    select
        agreement_id,
        service_period,
        from_currency,
        rate
    from locked_rates
    union all
    select current_rates.*
    from current_rates
    left join locked_rates as locked
        on current_rates.agreement_id = locked.agreement_id
        and current_rates.service_period = locked.service_period
        and current_rates.from_currency = locked.from_currency
    left join locked_rates as locked_fixed
        on current_rates.agreement_id = locked_fixed.agreement_id
        and current_rates.service_period = locked_fixed.service_period
        and locked_fixed.from_currency = 'ANY'
    where locked.agreement_id is null and locked_fixed.agreement_id is null
)

select * from edge_rates
