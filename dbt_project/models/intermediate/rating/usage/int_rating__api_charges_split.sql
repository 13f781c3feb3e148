-- What is charged for API events, split over the APIs, providers, applications and consumers whose events the charge
-- covers: by requests, by bytes where bytes are what is summed, largest remainder at 12 decimals. A charge's rows for one
-- price go to the events priced by it; what is for no price alone (a limit, a discount of all) to all events of the
-- charge; what is due without any event, and the share of usage that came as CloudEvents, stands under '-'.
-- Sums to the rated charges of the meters that read API events, exactly. One row per subscription, charge, price
-- dimension, currency, API, provider, application, consumer and whether its buyer owns the resource.
{{ config(meta={'dagster': {'group': 'marts_rating'}}) }}
with

meters as (
    select * from {{ ref('stg_catalog__meters') }} as every_meter
    where {{ reads_api_events('every_meter') }}
),

usage_charges as (
    select * from {{ ref('int_rating__usage_charges') }}
),

rated as (
    select * from {{ ref('fct_rated_charges') }}
),

subscribed as (
    select * from {{ ref('int_rating__usage_subscribed') }}
),

events as (
    select * from {{ ref('int_metering__events_metered') }}
),

api_charges as (
    select
        usage_charges.charge_id,
        meters.aggregation = 'sum' and {{ series_key('meters.series') }} = 'wso2_bytes' as goes_by_bytes
    from usage_charges
    inner join meters on usage_charges.meter_id = meters.meter_id
),

charged as (
    select
        rated.billing_period,
        rated.subscription_id,
        rated.charge_id,
        coalesce(rated.dimension_value, 'ANY') as price_dimension,
        {{ money('sum(rated.amount)') }} as amount,
        rated.currency
    from rated
    inner join api_charges on rated.charge_id = api_charges.charge_id
    group by
        rated.billing_period, rated.subscription_id, rated.charge_id, coalesce(rated.dimension_value, 'ANY'),
        rated.currency
),

counted as (
    select
        events.billing_period,
        events.meter_id,
        events.resource_kind,
        events.resource_id,
        events.dimension_value,
        events.usage_date,
        events.owner_party_id,
        coalesce(events.api_id, '-') as api_id,
        coalesce(events.provider_id, '-') as provider_id,
        coalesce(events.application_id, '-') as application_id,
        coalesce(events.consumer_id, '-') as consumer_id,
        cast(count(*) as decimal(38, 12)) as requests,
        cast(sum(greatest(coalesce(events.value, 0), 0)) as decimal(38, 12)) as bytes
    from events
    inner join meters on events.meter_id = meters.meter_id
    group by
        events.billing_period, events.meter_id, events.resource_kind, events.resource_id, events.dimension_value,
        events.usage_date, events.owner_party_id, coalesce(events.api_id, '-'), coalesce(events.provider_id, '-'),
        coalesce(events.application_id, '-'), coalesce(events.consumer_id, '-')
),

{%- set who = 'api_id, provider_id, application_id, consumer_id, is_at_owner' %}

covered as (
    select
        subscribed.billing_period,
        subscribed.subscription_id,
        subscribed.charge_id,
        coalesce(subscribed.price_dimension, 'ANY') as price_dimension,
        counted.api_id,
        counted.provider_id,
        counted.application_id,
        counted.consumer_id,
        counted.owner_party_id in (subscribed.buyer_id, 'unassigned') as is_at_owner,
        cast(sum(counted.requests) as decimal(38, 12)) as requests,
        cast(sum(case when api_charges.goes_by_bytes then counted.bytes else 0 end) as decimal(38, 12)) as bytes
    from subscribed
    inner join api_charges on subscribed.charge_id = api_charges.charge_id
    inner join counted
        on subscribed.billing_period = counted.billing_period
        and subscribed.meter_id = counted.meter_id
        and subscribed.resource_kind = counted.resource_kind
        and subscribed.resource_id = counted.resource_id
        and subscribed.dimension_value = counted.dimension_value
        and subscribed.usage_date = counted.usage_date
        and subscribed.owner_party_id = counted.owner_party_id
    group by
        subscribed.billing_period, subscribed.subscription_id, subscribed.charge_id,
        coalesce(subscribed.price_dimension, 'ANY'), counted.api_id, counted.provider_id, counted.application_id,
        counted.consumer_id, counted.owner_party_id in (subscribed.buyer_id, 'unassigned')
),

covered_at_any_price as (
    select
        billing_period,
        subscription_id,
        charge_id,
        {{ who }},
        cast(sum(requests) as decimal(38, 12)) as requests,
        cast(sum(bytes) as decimal(38, 12)) as bytes
    from covered
    group by billing_period, subscription_id, charge_id, {{ who }}
),

of_one_price as (
    select
        charged.*,
        covered.* exclude (billing_period, subscription_id, charge_id, price_dimension)
    from charged
    inner join covered
        on charged.billing_period = covered.billing_period
        and charged.subscription_id = covered.subscription_id
        and charged.charge_id = covered.charge_id
        and charged.price_dimension = covered.price_dimension
),

of_no_price as (
    select * from charged
    where not exists (
        select 1 from covered
        where
            charged.billing_period = covered.billing_period
            and charged.subscription_id = covered.subscription_id
            and charged.charge_id = covered.charge_id
            and charged.price_dimension = covered.price_dimension
    )
),

of_all_prices as (
    select
        of_no_price.*,
        coalesce(covered.api_id, '-') as api_id,
        coalesce(covered.provider_id, '-') as provider_id,
        coalesce(covered.application_id, '-') as application_id,
        coalesce(covered.consumer_id, '-') as consumer_id,
        coalesce(covered.is_at_owner, true) as is_at_owner,
        coalesce(covered.requests, 1) as requests,
        coalesce(covered.bytes, 0) as bytes
    from of_no_price
    left join covered_at_any_price as covered
        on of_no_price.billing_period = covered.billing_period
        and of_no_price.subscription_id = covered.subscription_id
        and of_no_price.charge_id = covered.charge_id
),

members as (
    select * from of_one_price
    union all
    select * from of_all_prices
),

{%- set charge = ['billing_period', 'subscription_id', 'charge_id', 'price_dimension', 'currency'] %}

weighed as (
    select
        *,
        case when sum(bytes) over (partition by {{ charge | join(', ') }}) > 0 then bytes else requests end as weight
    from members
),

parts as (
    {{ split_total('weighed', charge, 'amount', 'weight', who) }}
),

split as (
    select
        {{ charge | join(', ') }},
        {{ who }},
        {{ money('part') }} as amount
    from parts
)

select * from split
