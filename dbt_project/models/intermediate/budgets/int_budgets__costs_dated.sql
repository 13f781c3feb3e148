-- What accounts (and the parts of them that a tag or cost category gives away) cost by day, as somebody who watches them
-- sees it: their owner, every party between the owner and the payer, and the payer's own party. Each sees the cost view it
-- buys in, never an amount of another view. Only what is watched is kept: every account by its owner; accounts, services
-- and tags by the parties that have a budget of them.
with

scoped as (
    select * from {{ ref('int_budgets__costs_scoped') }}
),

costs_assigned as (
    select * from {{ ref('int_rating__costs_assigned') }}
),

edges as (
    select * from {{ ref('int_rating__edges_chained') }}
),

payer_views as (
    select * from {{ ref('int_rating__payer_views') }}
),

owners as (
    select * from {{ ref('stg_catalog__resource_owners') }}
),

change_points as (
    select * from {{ ref('int_rating__change_points') }}
),

budgets as (
    select distinct party_id, scope, scope_value, service_period from {{ ref('stg_catalog__budgets') }}
),

cost_dates as (
    select distinct billing_period, charge_date, payer_account_id, account_id, assigned_by, vendor from scoped
),

-- The days between two changes of the catalog have one chain: the one rating walked.
segments as (
    select
        dates.charge_date,
        coalesce(max(change_points.change_date), dates.charge_date) as segment_start
    from (select distinct charge_date from cost_dates) as dates
    left join change_points on dates.charge_date >= change_points.change_date
    group by dates.charge_date
),

roots as (
    select distinct billing_period, segment_start, payer_account_id, vendor, root_party_id from costs_assigned
),

owned as (
    select
        cost_dates.*,
        segments.segment_start,
        coalesce(owners.party_id, 'unassigned') as owner_party_id,
        roots.root_party_id,
        coalesce(payer_views.cost_view, 'effective') as payer_view
    from cost_dates
    inner join segments on cost_dates.charge_date = segments.charge_date
    left join owners
        on owners.resource_kind || ':' || owners.resource_id
        = case cost_dates.assigned_by
            when '-' then {{ account_resource_kind('cost_dates.vendor') }} || ':' || cost_dates.account_id
            else cost_dates.assigned_by
        end
        and {{ valid_on('owners', 'segments.segment_start') }}
    left join roots
        on cost_dates.billing_period = roots.billing_period
        and segments.segment_start = roots.segment_start
        and cost_dates.payer_account_id = roots.payer_account_id
        and cost_dates.vendor = roots.vendor
    left join payer_views
        on cost_dates.billing_period = payer_views.billing_period
        and cost_dates.payer_account_id = payer_views.payer_account_id
        and cost_dates.vendor = payer_views.vendor
),

-- Who buys on an edge sees the edge's view; the payer's party and an owner without an edge see the payer's.
watchers as (
    select
        owned.charge_date,
        owned.payer_account_id,
        owned.account_id,
        owned.assigned_by,
        owned.vendor,
        edges.buyer_id as party_id,
        edges.cost_view,
        1 as preference
    from owned
    inner join edges
        on owned.billing_period = edges.billing_period
        and owned.segment_start = edges.segment_start
        and owned.vendor = edges.vendor
        and owned.root_party_id = edges.root_party_id
        and owned.owner_party_id = edges.owner_party_id
    union all
    select charge_date, payer_account_id, account_id, assigned_by, vendor, root_party_id, payer_view, 2
    from owned
    where root_party_id is not null
    union all
    select charge_date, payer_account_id, account_id, assigned_by, vendor, owner_party_id, payer_view, 3
    from owned
),

watched as (
    select
        watchers.*,
        owned.owner_party_id
    from watchers
    inner join owned
        on watchers.charge_date = owned.charge_date
        and watchers.payer_account_id = owned.payer_account_id
        and watchers.account_id = owned.account_id
        and watchers.assigned_by = owned.assigned_by
        and watchers.vendor = owned.vendor
    qualify
        row_number() over (
            partition by
                watchers.charge_date,
                watchers.payer_account_id,
                watchers.account_id,
                watchers.assigned_by,
                watchers.vendor,
                watchers.party_id
            order by watchers.preference
        ) = 1
),

dated as (
    select
        scoped.billing_period,
        watched.party_id,
        scoped.scope,
        scoped.scope_value,
        scoped.charge_date,
        {{ money('sum(scoped.amount)') }} as amount,
        scoped.currency
    from scoped
    inner join watched
        on scoped.charge_date = watched.charge_date
        and scoped.payer_account_id = watched.payer_account_id
        and scoped.account_id = watched.account_id
        and scoped.assigned_by = watched.assigned_by
        and scoped.vendor = watched.vendor
        and scoped.cost_view = watched.cost_view
    left join budgets
        on scoped.billing_period = budgets.service_period
        and watched.party_id = budgets.party_id
        and scoped.scope = budgets.scope
        and scoped.scope_value = budgets.scope_value
    where
        budgets.party_id is not null
        or (scoped.scope = 'account' and watched.party_id = watched.owner_party_id)
    group by all
)

select * from dated
