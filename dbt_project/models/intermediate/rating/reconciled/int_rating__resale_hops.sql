-- From the costs of accounts to what end customers are charged, per delivering account and currency: what leaves the chain on the
-- way (unassigned, own use, tax not resold, no agreement, no rate) and what joins it (margins, conversions). `part`
-- null is the hop's amount, else one explanation of its difference.
with

costs as (
    select * from {{ ref('int_rating__costs_assigned') }}
),

payers as (
    select * from {{ ref('int_rating__payers_delivered') }}
),

payer_views as (
    select * from {{ ref('int_rating__payer_views') }}
),

steps as (
    select * from {{ ref('int_rating__chain_steps') }}
    where depth = 1
),

unrated as (
    select * from {{ ref('fct_unrated_usage') }}
    where kind = 'cost'
),

charges as (
    select * from {{ ref('fct_rated_charges') }}
    where not is_vendor_edge and payer_account_id is not null
),

viewed_costs as (
    select
        costs.*,
        costs.cost_view = payer_views.cost_view as is_payer_view
    from costs
    inner join payer_views
        on costs.billing_period = payer_views.billing_period
        and costs.payer_account_id = payer_views.payer_account_id
        and costs.vendor = payer_views.vendor
),

-- What arrives at the first edge, in the view it is bought in.
first_steps as (
    select
        viewed_costs.*,
        steps.is_resold,
        steps.fx_rate
    from viewed_costs
    inner join steps
        on viewed_costs.billing_period = steps.billing_period
        and viewed_costs.cost_id = steps.cost_id
        and viewed_costs.cost_view = steps.upstream_view
),

-- Costs whose owner a chain reaches, as the payer's own view shows them.
reached as (
    select viewed_costs.*
    from viewed_costs
    inner join (
        select distinct billing_period, segment_start, vendor, root_party_id, owner_party_id
        from {{ ref('int_rating__edges_chained') }}
        where depth > 0
    ) as chains
        on viewed_costs.billing_period = chains.billing_period
        and viewed_costs.segment_start = chains.segment_start
        and viewed_costs.vendor = chains.vendor
        and viewed_costs.root_party_id = chains.root_party_id
        and viewed_costs.owner_party_id = chains.owner_party_id
    where viewed_costs.is_payer_view
),

-- One scale for all: a union of decimals of different scales would round to the coarser one.
parts as (
    select billing_period, payer_account_id, vendor, currency, 'rounded to 12 decimals' as part, {{ vendor_amount('amount') }} - vendor_amount as amount
    from viewed_costs
    where is_payer_view
    union all
    select billing_period, payer_account_id, vendor, currency, 'own use' as part, {{ vendor_amount('-amount') }} as amount
    from viewed_costs
    where is_payer_view and owner_party_id = root_party_id
    union all
    select billing_period, payer_account_id, vendor, currency, 'bought in another cost view' as part, {{ vendor_amount('-amount') }} as amount
    from reached
    union all
    select billing_period, payer_account_id, vendor, currency, 'bought in another cost view' as part, {{ vendor_amount('amount') }} as amount
    from first_steps
    union all
    select billing_period, payer_account_id, vendor, currency, 'tax not resold' as part, {{ vendor_amount('-amount') }} as amount
    from first_steps
    where not is_resold
    union all
    select billing_period, payer_account_id, vendor, currency, 'no rate into the first edge' as part, {{ vendor_amount('-amount') }} as amount
    from first_steps
    where is_resold and fx_rate is null
    union all
    select billing_period, payer_account_id, split_part(charge_key, '/', 1) as vendor, currency,
        case reason when 'unassigned' then 'unassigned accounts' else 'no agreement with the owner' end as part,
        {{ vendor_amount('-amount') }} as amount
    from unrated
    where reason in ('unassigned', 'no_agreement')
    union all
    select billing_period, payer_account_id, vendor, currency, 'margins' as part, {{ vendor_amount('amount - upstream_amount') }} as amount
    from charges
    union all
    select billing_period, payer_account_id, vendor, upstream_currency as currency, 'converted into another currency' as part,
        {{ vendor_amount('-upstream_original_amount') }} as amount
    from charges
    where upstream_currency <> currency
    union all
    select billing_period, payer_account_id, vendor, currency, 'converted from another currency' as part, {{ vendor_amount('upstream_amount') }} as amount
    from charges
    where upstream_currency <> currency
    union all
    select billing_period, payer_account_id, vendor, currency, cast(null as varchar) as part, {{ vendor_amount('amount') }} as amount
    from charges
    where consumer_id = buyer_id
),

hops as (
    select
        parts.billing_period,
        coalesce(payers.source, 'no bill') as source,
        coalesce(payers.account, parts.payer_account_id) as account,
        parts.currency,
        'rated' as hop,
        parts.part,
        {{ vendor_amount('sum(parts.amount)') }} as amount
    from parts
    left join payers
        on parts.billing_period = payers.billing_period
        and parts.payer_account_id = payers.payer_account_id
    group by all
)

select * from hops
