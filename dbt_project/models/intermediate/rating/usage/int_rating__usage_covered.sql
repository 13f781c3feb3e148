-- Metered usage of a day and the subscriptions that cover it, on whatever edge they stand: one names the resource, or
-- covers everything of its buyer and of the parties below. With the charges of their plans for the meter: one row per
-- usage row, subscription and charge; charge null where the plan has none.
with

-- Imported once per use: DuckDB hands the month of the batch on to a step that is read once.
metered_of_parties as (
    select * from {{ ref('fct_metered_usage') }}
),

metered_of_resources as (
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

covered as (
    select
        metered.*,
        subscriptions.subscription_id,
        subscriptions.plan_id,
        subscriptions.seller_id,
        subscriptions.buyer_id
    from metered_of_parties as metered
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
    from metered_of_resources as metered
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
)

select * from charged
