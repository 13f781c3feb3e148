-- The cost view a payer's bill is resold in, for figures about the bill as a whole: the vendor's edge names it, else
-- the first edge below (the smallest agreement id, where several start there), else effective.
with

costs as (
    select * from {{ ref('int_rating__costs_assigned') }}
),

edges as (
    select * from {{ ref('int_rating__edges_chained') }}
),

payers as (
    select distinct billing_period, payer_account_id, vendor, root_party_id from costs
),

first_edges as (
    select
        billing_period,
        vendor,
        root_party_id,
        cost_view
    from edges
    where depth <= 1
    qualify
        row_number() over (
            partition by billing_period, vendor, root_party_id
            order by depth, segment_start, agreement_id
        ) = 1
),

viewed as (
    select
        payers.billing_period,
        payers.payer_account_id,
        payers.vendor,
        coalesce(min(first_edges.cost_view), 'effective') as cost_view
    from payers
    left join first_edges
        on payers.billing_period = first_edges.billing_period
        and payers.vendor = first_edges.vendor
        and payers.root_party_id = first_edges.root_party_id
    group by payers.billing_period, payers.payer_account_id, payers.vendor
)

select * from viewed
