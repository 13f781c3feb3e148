-- Cloud cost that no edge to its owner charges, with the reason. Amounts are in the cost view the payer's bill is
-- resold in (the vendor's edge, else the first edge, else effective); a missing rate shows what the edge above charged.
with

costs as (
    select * from {{ ref('int_rating__costs_assigned') }}
),

edges as (
    select * from {{ ref('int_rating__edges_chained') }}
),

steps as (
    select * from {{ ref('int_rating__chain_steps') }}
),

priced as (
    select * from {{ ref('int_rating__chain_priced') }}
),

payer_views as (
    select * from {{ ref('int_rating__payer_views') }}
),

reached_owners as (
    select distinct billing_period, segment_start, vendor, root_party_id, owner_party_id
    from edges
    where depth > 0
),

without_chain as (
    select
        costs.billing_period,
        costs.service_period,
        cast(null as varchar) as agreement_id,
        costs.payer_account_id,
        costs.account_id,
        costs.assigned_by,
        costs.vendor,
        costs.service_name,
        costs.sku_id,
        costs.charge_category,
        case when costs.owner_party_id = 'unassigned' then 'unassigned' else 'no_agreement' end as reason,
        costs.quantity,
        costs.amount,
        costs.currency
    from costs
    inner join payer_views
        on costs.billing_period = payer_views.billing_period
        and costs.payer_account_id = payer_views.payer_account_id
        and costs.vendor = payer_views.vendor
        and costs.cost_view = payer_views.cost_view
    left join reached_owners
        on costs.billing_period = reached_owners.billing_period
        and costs.segment_start = reached_owners.segment_start
        and costs.vendor = reached_owners.vendor
        and costs.root_party_id = reached_owners.root_party_id
        and costs.owner_party_id = reached_owners.owner_party_id
    where
        reached_owners.owner_party_id is null
        and costs.owner_party_id is distinct from costs.root_party_id
),

without_rate as (
    select
        steps.billing_period,
        steps.service_period,
        steps.agreement_id,
        costs.payer_account_id,
        costs.account_id,
        costs.assigned_by,
        costs.vendor,
        costs.service_name,
        costs.sku_id,
        costs.charge_category,
        'missing_fx_rate' as reason,
        steps.quantity,
        coalesce(above.amount, costs.amount) as amount,
        steps.upstream_currency as currency
    from steps
    inner join costs on steps.billing_period = costs.billing_period and steps.cost_id = costs.cost_id
    left join priced as above on steps.cost_id = above.cost_id and steps.depth = above.depth + 1
    where
        steps.fx_rate is null
        and steps.is_resold
        and steps.cost_view = steps.upstream_view
        and (steps.depth = 1 or above.cost_id is not null)
),

unrated as (
    select * from without_chain
    union all
    select * from without_rate
),

grouped as (
    select
        billing_period,
        service_period,
        agreement_id,
        payer_account_id,
        account_id,
        assigned_by,
        vendor,
        service_name,
        sku_id,
        charge_category,
        reason,
        cast(sum(quantity) as decimal(38, 12)) as quantity,
        {{ money('sum(amount)') }} as amount,
        currency
    from unrated
    group by all
)

select * from grouped
