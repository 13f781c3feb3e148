-- What commitments and adjustments of the catalog are about: one row per commitment (or adjustment) and scope, the
-- narrowest that is filled. A charge named alone is meant on each subscription that has it. Intervals of quarters and
-- years begin with the commitment, months are calendar months; prepaid is one pot from its first to its last day, and so
-- is a credit without a period, while a coupon without one holds every month.
with

commitments as (
    select * from {{ ref('stg_catalog__commitments') }}
),

adjustments as (
    select * from {{ ref('stg_catalog__adjustments') }}
),

subscriptions as (
    select * from {{ ref('stg_catalog__subscriptions') }}
),

agreements as (
    select * from {{ ref('stg_catalog__agreements') }}
),

parties as (
    select * from {{ ref('stg_catalog__parties') }}
),

plan_charges as (
    select * from {{ ref('stg_catalog__plan_charges') }}
),

terms as (
    select
        case kind when 'prepaid' then 'prepaid' else 'commitment' end as phase,
        commitment_id as term_id,
        agreement_id,
        subscription_id,
        charge_id,
        kind,
        amount,
        cast(null as decimal(38, 12)) as share,
        coalesce(factor, 1) as factor,
        cast(0 as bigint) as position,
        case
            when kind = 'prepaid' then 0
            when commitment_interval = 'year' then 12
            when commitment_interval = 'quarter' then 3
            else 1
        end as interval_months,
        tax_category,
        cast(null as varchar) as reason,
        start_date,
        end_date
    from commitments
    union all
    select
        'adjustment' as phase,
        adjustment_id as term_id,
        agreement_id,
        subscription_id,
        charge_id,
        kind,
        amount,
        share,
        cast(1 as decimal(38, 12)) as factor,
        position,
        case when kind = 'credit' and share is null and service_period is null then 0 else 1 end as interval_months,
        cast(null as varchar) as tax_category,
        reason,
        coalesce(service_period, cast('1900-01-01' as date)) as start_date,
        coalesce({{ add_days(add_months('service_period', 1), -1) }}, cast('9999-12-31' as date)) as end_date
    from adjustments
),

sold as (
    select distinct subscription_id, seller_id, buyer_id from subscriptions
),

charges_sold as (
    select distinct subscriptions.subscription_id, plan_charges.charge_id
    from subscriptions
    inner join plan_charges on subscriptions.plan_id = plan_charges.plan_id
),

{%- set columns = 'phase, term_id, kind, amount, share, factor, position, interval_months, tax_category, reason, start_date, end_date' %}
{%- set terms_columns = 'terms.' ~ columns.split(', ') | join(', terms.') %}

of_charges as (
    select
        {{ terms_columns }},
        1 as scope_level,
        case when terms.subscription_id is null then terms.agreement_id end as scope_agreement_id,
        case
            when terms.subscription_id is not null or terms.agreement_id is null then charges_sold.subscription_id
        end as scope_subscription_id,
        terms.charge_id as scope_charge_id
    from terms
    inner join charges_sold
        on terms.charge_id = charges_sold.charge_id
        and (terms.subscription_id is null or terms.subscription_id = charges_sold.subscription_id)
    group by all
),

of_more as (
    select
        {{ terms_columns }},
        case when terms.subscription_id is not null then 2 else 3 end as scope_level,
        case when terms.subscription_id is null then terms.agreement_id end as scope_agreement_id,
        terms.subscription_id as scope_subscription_id,
        cast(null as varchar) as scope_charge_id
    from terms
    where terms.charge_id is null and coalesce(terms.subscription_id, terms.agreement_id) is not null
),

scopes as (
    select * from of_charges
    union all
    select * from of_more
),

scoped as (
    select
        scopes.phase || '/' || scopes.term_id || '/'
        || coalesce(scopes.scope_subscription_id, scopes.scope_agreement_id) as term_key,
        scopes.*,
        coalesce(sold.seller_id, agreements.seller_id) as seller_id,
        coalesce(sold.buyer_id, agreements.buyer_id) as buyer_id,
        coalesce(sellers.role = 'vendor', false) as is_vendor_edge
    from scopes
    left join sold on scopes.scope_subscription_id = sold.subscription_id
    left join agreements on scopes.scope_agreement_id = agreements.agreement_id
    left join parties as sellers on agreements.seller_id = sellers.party_id
)

select * from scoped
