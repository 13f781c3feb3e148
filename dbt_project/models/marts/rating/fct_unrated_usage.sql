-- One row per usage or cost, edge and reason that could not be rated. Nothing is priced 0 by accident: what has no
-- price stands here and holds the close, except what no charge and no meter of the catalog asks for. What was borrowed
-- without an on-demand price (kind sharing) is rated at its effective cost and stands here because that says too little.
with

costs as (
    select * from {{ ref('int_rating__costs_unrated') }}
),

usage as (
    select * from {{ ref('int_rating__usage_unrated') }}
),

events_unread as (
    select * from {{ ref('int_metering__events_unread') }}
),

recurring as (
    select * from {{ ref('int_rating__recurring_unrated') }}
),

borrowed as (
    select * from {{ ref('int_allocation__commitments_borrowed') }}
    where lines_without_price > 0
),

commitments as (
    select * from {{ ref('int_rating__commitments_unrated') }}
),

agreements as (
    select agreement_id, seller_id, buyer_id from {{ ref('stg_catalog__agreements') }}
),

unrated as (
    select
        billing_period, service_period, 'cost' as kind, agreement_id,
        cast(null as varchar) as seller_id,
        cast(null as varchar) as buyer_id,
        payer_account_id,
        case assigned_by
            when '-' then {{ account_resource_kind('vendor') }} else split_part(assigned_by, ':', 1)
        end as resource_kind,
        case assigned_by
            when '-' then account_id else substring(assigned_by, position(':' in assigned_by) + 1)
        end as resource_id,
        cast(null as varchar) as meter_id,
        cast(null as varchar) as subscription_id,
        cast(null as varchar) as charge_id,
        cast(null as varchar) as dimension_value,
        vendor || '/' || account_id || '/' || service_name || '/' || sku_id || '/' || charge_category as charge_key,
        reason,
        quantity,
        cast(null as varchar) as unit,
        amount,
        currency
    from costs
    union all
    select
        billing_period, service_period, 'usage' as kind, agreement_id, seller_id, buyer_id,
        cast(null as varchar) as payer_account_id,
        resource_kind, resource_id, meter_id, subscription_id, charge_id, dimension_value,
        cast(null as varchar) as charge_key,
        reason,
        quantity,
        unit,
        cast(null as decimal(38, 12)) as amount,
        cast(null as varchar) as currency
    from usage
    union all
    select
        billing_period,
        billing_period as service_period,
        'usage' as kind,
        cast(null as varchar) as agreement_id,
        seller_id,
        owner_party_id as buyer_id,
        cast(null as varchar) as payer_account_id,
        resource_kind, resource_id, meter_id,
        cast(null as varchar) as subscription_id,
        cast(null as varchar) as charge_id,
        cast(null as varchar) as dimension_value,
        type || case when label_key is null then '' else ' without ' || label_key end as charge_key,
        reason,
        cast(events as decimal(38, 12)) as quantity,
        'events' as unit,
        cast(null as decimal(38, 12)) as amount,
        cast(null as varchar) as currency
    from events_unread
    union all
    select
        billing_period, service_period, 'recurring' as kind, agreement_id, seller_id, buyer_id,
        cast(null as varchar) as payer_account_id,
        cast(null as varchar) as resource_kind,
        cast(null as varchar) as resource_id,
        cast(null as varchar) as meter_id,
        subscription_id, charge_id,
        cast(null as varchar) as dimension_value,
        cast(null as varchar) as charge_key,
        reason,
        quantity,
        cast(null as varchar) as unit,
        cast(null as decimal(38, 12)) as amount,
        cast(null as varchar) as currency
    from recurring
    union all
    select
        billing_period,
        billing_period as service_period,
        'sharing' as kind,
        cast(null as varchar) as agreement_id,
        cast(null as varchar) as seller_id,
        cast(null as varchar) as buyer_id,
        payer_account_id,
        {{ account_resource_kind('vendor') }} as resource_kind,
        {{ part_account('from_account_id') }} as resource_id,
        cast(null as varchar) as meter_id,
        cast(null as varchar) as subscription_id,
        cast(null as varchar) as charge_id,
        cast(null as varchar) as dimension_value,
        vendor || '/' || {{ part_account('from_account_id') }} || '/' || service_name || '/' || sku_id || '/Usage' as charge_key,
        'missing_on_demand_price' as reason,
        cast(sum(quantity) as decimal(38, 12)) as quantity,
        pricing_unit as unit,
        {{ money('sum(effective_cost)') }} as amount,
        currency
    from borrowed
    group by billing_period, payer_account_id, vendor, {{ part_account('from_account_id') }}, service_name, sku_id, pricing_unit, currency
    union all
    select
        billing_period, service_period, 'commitment' as kind, agreement_id,
        cast(null as varchar) as seller_id,
        cast(null as varchar) as buyer_id,
        cast(null as varchar) as payer_account_id,
        cast(null as varchar) as resource_kind,
        cast(null as varchar) as resource_id,
        cast(null as varchar) as meter_id,
        subscription_id, charge_id,
        cast(null as varchar) as dimension_value,
        term_key as charge_key,
        reason,
        cast(1 as decimal(38, 12)) as quantity,
        cast(null as varchar) as unit,
        amount,
        currency
    from commitments
),

edged as (
    select
        unrated.* exclude (seller_id, buyer_id),
        coalesce(unrated.seller_id, agreements.seller_id) as seller_id,
        coalesce(unrated.buyer_id, agreements.buyer_id) as buyer_id,
        unrated.reason not in ('meter_not_charged', 'no_meter') as holds_close
    from unrated
    left join agreements on unrated.agreement_id = agreements.agreement_id
)

select * from edged
