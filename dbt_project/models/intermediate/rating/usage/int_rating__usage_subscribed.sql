-- Metered usage and the charges of subscriptions that are to price it, each with the version of its price, its exchange
-- rate, and `reason`, which says why a row cannot be priced. One row per usage row, subscription and charge.
with

covered as (
    select * from {{ ref('int_rating__usage_covered') }}
),

usage_charges as (
    select * from {{ ref('int_rating__usage_charges') }}
),

price_versions as (
    select * from {{ ref('int_rating__price_versions') }}
),

fx_rates as (
    select * from {{ ref('int_rating__edge_rates') }}
),

locked_rates as (
    select * from fx_rates where from_currency = 'ANY'
),

events as (
    select * from {{ ref('int_metering__events_metered') }}
),

-- Single records there are of a metered row: a price per record needs them all.
records as (
    select
        billing_period,
        meter_id,
        resource_kind,
        resource_id,
        dimension_value,
        usage_date,
        owner_party_id,
        count(*) as record_count,
        count(event_amount) as amount_count
    from events
    where aggregation in ('sum', 'count')
    group by all
),

-- Whether a version has what its charge's model reads, and nothing that means something only under another model.
versions as (
    select
        price_versions.charge_id,
        price_versions.dimension_value,
        price_versions.valid_from,
        price_versions.valid_to,
        price_versions.greatest_price,
        case usage_charges.charge_model
            when 'per_unit' then not price_versions.has_every_unit_price
            when 'graduated' then not price_versions.has_every_price
            when 'volume' then not price_versions.has_every_price
            when 'p95' then not price_versions.has_every_price
            when 'stairstep' then not price_versions.has_every_flat_fee
            when 'package' then not price_versions.has_every_package_size or not price_versions.has_every_unit_price
            when 'percentage' then not price_versions.has_every_rate
            when 'graduated_percentage' then not price_versions.has_every_rate
            else false
        end as lacks_a_term,
        (price_versions.has_package_size and (
            usage_charges.charge_model not in ('package', 'graduated', 'volume', 'p95') or usage_charges.prorate_units
        ))
        or (price_versions.has_rate and usage_charges.charge_model not in ('percentage', 'graduated_percentage'))
        or (price_versions.has_event_terms and usage_charges.charge_model <> 'percentage') as asks_for_more
    from price_versions
    inner join usage_charges on price_versions.charge_id = usage_charges.charge_id
),

versions_of_any as (
    select * from versions where dimension_value = 'ANY'
),

priced_charges as (
    select distinct charge_id from versions
),

-- A price for the dimension's value beats the price for any value, and a rate locked for any currency every other. Each is
-- joined by itself: an outer join on `in` compares all usage with all prices.
versioned as (
    select
        covered.*,
        coalesce(named_versions.dimension_value, versions.dimension_value) as price_dimension,
        coalesce(named_versions.valid_from, versions.valid_from) as price_valid_from,
        priced_charges.charge_id is not null as has_prices,
        coalesce(named_versions.lacks_a_term, versions.lacks_a_term) as price_lacks_a_term,
        coalesce(named_versions.asks_for_more, versions.asks_for_more) as price_asks_for_more,
        coalesce(named_versions.greatest_price, versions.greatest_price) as greatest_price,
        case
            when covered.plan_currency = covered.currency then cast(1 as decimal(38, 12))
            else cast(coalesce(locked_rates.rate, fx_rates.rate, covered.fx_fixed_rate) as decimal(38, 12))
        end as fx_rate
    from covered
    left join versions as named_versions
        on covered.charge_id = named_versions.charge_id
        and covered.dimension_value = named_versions.dimension_value
        and {{ valid_on('named_versions', 'covered.usage_date') }}
    left join versions_of_any as versions
        on covered.charge_id = versions.charge_id
        and {{ valid_on('versions', 'covered.usage_date') }}
    left join priced_charges on covered.charge_id = priced_charges.charge_id
    left join fx_rates
        on covered.agreement_id = fx_rates.agreement_id
        and covered.service_period = fx_rates.service_period
        and covered.plan_currency = fx_rates.from_currency
    left join locked_rates
        on covered.agreement_id = locked_rates.agreement_id
        and covered.service_period = locked_rates.service_period
    qualify
        row_number() over (
            partition by
                covered.billing_period, covered.meter_id, covered.resource_kind, covered.resource_id,
                covered.dimension_value, covered.usage_date, covered.owner_party_id, covered.unit,
                covered.subscription_id, covered.charge_id
            order by coalesce(named_versions.valid_from, versions.valid_from) desc
        ) = 1
),

-- No agent means such a number, and no amount could hold what it would cost (money.md: 26 digits, of which a product has
-- 14; units × seconds of a month, where they are prorated, 26): one of them must not stop everybody's month. Only
-- compared, so a double will do.
sized as (
    select
        *,
        greatest(abs(cast(quantity as double)), abs(cast(period_quantity as double)))
        * greatest(
            cast(greatest_price as double) * cast(coalesce(fx_rate, 1) as double),
            case when prorate_units then 0.000001 else 0 end
        ) >= 1e13 as is_too_large
    from versioned
),

reasoned as (
    select
        versioned.* exclude (
            asks_for_more, has_prices, price_asks_for_more, price_lacks_a_term, fx_fixed_rate, greatest_price,
            is_too_large
        ),
        case
            when versioned.charge_id is null then null
            when versioned.agreement_id is null then 'no_agreement'
            when versioned.asks_for_more then 'model_not_supported'
            when not versioned.has_prices then 'no_price'
            when versioned.price_valid_from is null then 'price_gap'
            when versioned.price_asks_for_more then 'model_not_supported'
            when versioned.price_lacks_a_term then 'price_gap'
            when versioned.is_by_record and coalesce(records.record_count, 0) <> coalesce(versioned.sample_count, 0)
                then 'no_records'
            when versioned.charge_model = 'dynamic' and records.amount_count <> records.record_count then 'no_amount'
            when versioned.fx_rate is null then 'missing_fx_rate'
            when versioned.is_too_large then 'too_large'
        end as reason
    from sized as versioned
    left join records
        on versioned.billing_period = records.billing_period
        and versioned.meter_id = records.meter_id
        and versioned.resource_kind = records.resource_kind
        and versioned.resource_id = records.resource_id
        and versioned.dimension_value = records.dimension_value
        and versioned.usage_date = records.usage_date
        and versioned.owner_party_id = records.owner_party_id
)

select * from reasoned
