{{ config(event_time='billing_period') }}
-- What every edge charges before its commitments, adjustments and prepaid: cloud cost, usage and recurring charges. One
-- row per service period, edge, charge key, consumer, price version, tier and component.
with

costs as (
    select * from {{ ref('int_rating__costs_rated') }}
),

usage as (
    select * from {{ ref('int_rating__usage_priced') }}
    union all
    select * from {{ ref('int_rating__usage_limited') }}
),

recurring as (
    select * from {{ ref('int_rating__recurring_priced') }}
    union all
    select * from {{ ref('int_rating__recurring_limited') }}
),

cloud_charges as (
    select
        billing_period,
        service_period,
        service_period as due_period,
        charge_period_start,
        charge_period_end,
        charge_key,
        agreement_id,
        seller_id,
        buyer_id,
        consumer_id,
        is_vendor_edge,
        payer_account_id,
        account_id,
        vendor,
        service_name,
        sku_id,
        charge_category,
        cast(null as varchar) as subscription_id,
        cast(null as varchar) as charge_id,
        'usage' as component,
        cast(null as varchar) as dimension_value,
        cast(null as date) as price_valid_from,
        cast(null as bigint) as tier,
        quantity,
        unit_price,
        amount,
        currency,
        upstream_amount,
        upstream_original_amount,
        upstream_currency,
        fx_rate,
        price_rule_id,
        price_kind,
        tax_category,
        service_name || ' ' || sku_id || ', account ' || account_id
        || case when charge_category = 'Usage' then '' else ' (' || charge_category || ')' end as description
    from costs
),

{%- set terms %}
        billing_period,
        service_period,
        charge_period_start,
        charge_period_end,
        agreement_id,
        seller_id,
        buyer_id,
        subscription_id,
        charge_id,
        charge_name,
        component,
        price_valid_from,
        tier,
        quantity,
        unit_price,
        amount,
        currency,
        fx_rate,
        tax_category
{%- endset %}

of_plans as (
    select {{ terms }}, service_period as due_period, price_dimension as dimension_value
    from usage
    union all
    select {{ terms }}, due_period, 'ANY' as dimension_value
    from recurring
    where service_period = billing_period
),

plan_charges as (
    select
        billing_period,
        service_period,
        due_period,
        charge_period_start,
        charge_period_end,
        subscription_id || '/' || charge_id || '/' || component as charge_key,
        agreement_id,
        seller_id,
        buyer_id,
        buyer_id as consumer_id,
        false as is_vendor_edge,
        cast(null as varchar) as payer_account_id,
        cast(null as varchar) as account_id,
        cast(null as varchar) as vendor,
        cast(null as varchar) as service_name,
        cast(null as varchar) as sku_id,
        cast(null as varchar) as charge_category,
        subscription_id,
        charge_id,
        component,
        dimension_value,
        price_valid_from,
        tier,
        quantity,
        unit_price,
        amount,
        currency,
        {{ money('0') }} as upstream_amount,
        {{ money('0') }} as upstream_original_amount,
        currency as upstream_currency,
        fx_rate,
        cast(null as varchar) as price_rule_id,
        'plan' as price_kind,
        tax_category,
        {{ charge_description() }} as description
    from of_plans
),

charges as (
    select * from cloud_charges
    union all
    select * from plan_charges
)

select * from charges
