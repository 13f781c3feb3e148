-- Metered usage of a day and the charges of subscriptions that are to price it, on whatever edge they stand: the
-- subscription names the resource, or covers everything of its buyer and of the parties below. One row per usage row,
-- subscription and charge; charge null where the plan has none for the meter. `reason` says why a row cannot be priced.
with

metered as (
    select * from {{ ref('fct_metered_usage') }}
),

parties_above as (
    select * from {{ ref('int_rating__parties_above') }}
),

subscriptions as (
    select * from {{ ref('stg_catalog__subscriptions') }}
),

plans as (
    select * from {{ ref('stg_catalog__plans') }}
),

usage_charges as (
    select * from {{ ref('int_rating__usage_charges') }}
),

edges as (
    select * from {{ ref('int_rating__edges_dated') }}
),

versions as (
    select * from {{ ref('int_rating__price_versions') }}
),

versions_of_any as (
    select * from versions where dimension_value = 'ANY'
),

priced_charges as (
    select distinct charge_id from {{ ref('int_rating__price_versions') }}
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

covered as (
    select
        metered.*,
        subscriptions.subscription_id,
        subscriptions.plan_id,
        subscriptions.seller_id,
        subscriptions.buyer_id
    from metered
    inner join parties_above
        on metered.billing_period = parties_above.billing_period
        and metered.usage_date = parties_above.usage_date
        and metered.owner_party_id = parties_above.owner_party_id
    inner join subscriptions
        on parties_above.party_id = subscriptions.buyer_id
        and subscriptions.resource_id = 'ANY'
        and subscriptions.resource_kind in (metered.resource_kind, 'ANY')
        and {{ valid_on('subscriptions', 'metered.usage_date') }}
        and metered.usage_date between subscriptions.start_date and subscriptions.end_date
    union all
    select
        metered.*,
        subscriptions.subscription_id,
        subscriptions.plan_id,
        subscriptions.seller_id,
        subscriptions.buyer_id
    from metered
    inner join subscriptions
        on metered.resource_id = subscriptions.resource_id
        and subscriptions.resource_kind in (metered.resource_kind, 'ANY')
        and {{ valid_on('subscriptions', 'metered.usage_date') }}
        and metered.usage_date between subscriptions.start_date and subscriptions.end_date
),

charged as (
    select
        covered.*,
        plans.currency as plan_currency,
        usage_charges.charge_id,
        usage_charges.charge_name,
        usage_charges.charge_model,
        usage_charges.rating_window,
        usage_charges.included_quantity,
        usage_charges.free_events,
        usage_charges.free_amount,
        usage_charges.multiplier,
        usage_charges.prorate_units,
        usage_charges.is_by_record,
        usage_charges.tax_category,
        usage_charges.asks_for_more,
        edges.agreement_id,
        edges.currency,
        edges.fx_source,
        edges.fx_fixed_rate
    from covered
    left join plans on covered.plan_id = plans.plan_id
    left join usage_charges
        on covered.plan_id = usage_charges.plan_id
        and covered.meter_id = usage_charges.meter_id
    left join edges
        on covered.seller_id = edges.seller_id
        and covered.buyer_id = edges.buyer_id
        and {{ valid_on('edges', 'covered.usage_date') }}
),

-- A price for the dimension's value beats the price for any value, and a rate locked for any currency every other. Each is
-- joined by itself: an outer join on `in` compares all usage with all prices.
matched as (
    select
        charged.*,
        coalesce(named_versions.dimension_value, versions.dimension_value) as price_dimension,
        coalesce(named_versions.valid_from, versions.valid_from) as price_valid_from,
        coalesce(named_versions.has_package_size, versions.has_package_size) as has_package_size,
        coalesce(named_versions.has_every_package_size, versions.has_every_package_size) as has_every_package_size,
        coalesce(named_versions.has_every_unit_price, versions.has_every_unit_price) as has_every_unit_price,
        coalesce(named_versions.has_every_flat_fee, versions.has_every_flat_fee) as has_every_flat_fee,
        coalesce(named_versions.has_every_price, versions.has_every_price) as has_every_price,
        coalesce(named_versions.has_rate, versions.has_rate) as has_rate,
        coalesce(named_versions.has_every_rate, versions.has_every_rate) as has_every_rate,
        coalesce(named_versions.has_event_terms, versions.has_event_terms) as has_event_terms,
        coalesce(locked_rates.rate, fx_rates.rate, charged.fx_fixed_rate) as fx_rate
    from charged
    left join versions as named_versions
        on charged.charge_id = named_versions.charge_id
        and charged.dimension_value = named_versions.dimension_value
        and {{ valid_on('named_versions', 'charged.usage_date') }}
    left join versions_of_any as versions
        on charged.charge_id = versions.charge_id
        and {{ valid_on('versions', 'charged.usage_date') }}
    left join fx_rates
        on charged.agreement_id = fx_rates.agreement_id
        and charged.service_period = fx_rates.service_period
        and charged.plan_currency = fx_rates.from_currency
    left join locked_rates
        on charged.agreement_id = locked_rates.agreement_id
        and charged.service_period = locked_rates.service_period
),

versioned as (
    select
        charged.* exclude (
            has_package_size, has_every_package_size, has_every_unit_price, has_every_flat_fee, has_every_price,
            has_rate, has_every_rate, has_event_terms, fx_rate
        ),
        priced_charges.charge_id is not null as has_prices,
        case charged.charge_model
            when 'per_unit' then not charged.has_every_unit_price
            when 'graduated' then not charged.has_every_price
            when 'volume' then not charged.has_every_price
            when 'p95' then not charged.has_every_price
            when 'stairstep' then not charged.has_every_flat_fee
            when 'package' then not charged.has_every_package_size or not charged.has_every_unit_price
            when 'percentage' then not charged.has_every_rate
            when 'graduated_percentage' then not charged.has_every_rate
            else false
        end as price_lacks_a_term,
        (charged.has_package_size and (
            charged.charge_model not in ('package', 'graduated', 'volume', 'p95') or charged.prorate_units
        ))
        or (charged.has_rate and charged.charge_model not in ('percentage', 'graduated_percentage'))
        or (charged.has_event_terms and charged.charge_model <> 'percentage') as price_asks_for_more,
        case
            when charged.plan_currency = charged.currency then cast(1 as decimal(38, 12))
            else cast(charged.fx_rate as decimal(38, 12))
        end as fx_rate
    from matched as charged
    left join priced_charges on charged.charge_id = priced_charges.charge_id
    qualify
        row_number() over (
            partition by
                charged.billing_period, charged.meter_id, charged.resource_kind, charged.resource_id,
                charged.dimension_value, charged.usage_date, charged.owner_party_id, charged.unit,
                charged.subscription_id, charged.charge_id
            order by charged.price_valid_from desc
        ) = 1
),

recorded as (
    select
        versioned.*,
        coalesce(records.record_count, 0) as record_count,
        coalesce(records.amount_count, 0) as amount_count
    from versioned
    left join records
        on versioned.billing_period = records.billing_period
        and versioned.meter_id = records.meter_id
        and versioned.resource_kind = records.resource_kind
        and versioned.resource_id = records.resource_id
        and versioned.dimension_value = records.dimension_value
        and versioned.usage_date = records.usage_date
        and versioned.owner_party_id = records.owner_party_id
),

reasoned as (
    select
        * exclude (
            asks_for_more, has_prices, price_asks_for_more, price_lacks_a_term, fx_source, fx_fixed_rate, record_count,
            amount_count
        ),
        case
            when charge_id is null then null
            when agreement_id is null then 'no_agreement'
            when asks_for_more then 'model_not_supported'
            when not has_prices then 'no_price'
            when price_valid_from is null then 'price_gap'
            when price_asks_for_more then 'model_not_supported'
            when price_lacks_a_term then 'price_gap'
            when is_by_record and record_count <> coalesce(sample_count, 0) then 'no_records'
            when charge_model = 'dynamic' and amount_count <> record_count then 'no_amount'
            when fx_rate is null then 'missing_fx_rate'
        end as reason
    from recorded
)

select * from reasoned
