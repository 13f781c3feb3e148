-- The edges between a payer's party and an owner, per segment: depth 1 is what the payer's party sells, the deepest
-- edge is the owner's own. Climbed from the owner, because a buyer has one seller per vendor and day while a seller has
-- many buyers. Depth 0 is the vendor's own edge to the payer's party, where the catalog has one: it carries the whole
-- bill, whoever owns the accounts. An owner whose climb never meets the payer's party has no edge here.
with recursive

costs as (
    select * from {{ ref('int_rating__costs_assigned') }}
),

agreements as (
    select * from {{ ref('stg_catalog__agreements') }}
),

parties as (
    select * from {{ ref('stg_catalog__parties') }}
),

starts as (
    select distinct
        billing_period,
        segment_start,
        vendor,
        root_party_id,
        owner_party_id
    from costs
    where root_party_id is not null
),

dated_vendors as (
    select distinct segment_start, vendor from starts
),

-- An agreement that names the vendor beats one for any vendor.
edges as (
    select
        dated_vendors.segment_start,
        dated_vendors.vendor as sold_vendor,
        agreements.agreement_id,
        agreements.seller_id,
        agreements.buyer_id,
        agreements.currency,
        agreements.cost_view,
        coalesce(sellers.role, '-') = 'vendor' as is_vendor_edge
    from dated_vendors
    inner join agreements
        on agreements.vendor in (dated_vendors.vendor, 'ANY')
        and {{ valid_on('agreements', 'dated_vendors.segment_start') }}
    left join parties as sellers on agreements.seller_id = sellers.party_id
    qualify
        row_number() over (
            partition by dated_vendors.segment_start, dated_vendors.vendor, agreements.buyer_id
            order by case when agreements.vendor = 'ANY' then 1 else 0 end, agreements.agreement_id
        ) = 1
),

climbed as (
    select
        billing_period,
        segment_start,
        vendor,
        root_party_id,
        owner_party_id,
        owner_party_id as party_id,
        cast(null as varchar) as agreement_id,
        cast(0 as bigint) as height,
        '/' || owner_party_id || '/' as path
    from starts
    union all
    select
        climbed.billing_period,
        climbed.segment_start,
        climbed.vendor,
        climbed.root_party_id,
        climbed.owner_party_id,
        edges.seller_id as party_id,
        edges.agreement_id,
        climbed.height + 1 as height,
        '/' || edges.seller_id || climbed.path as path
    from climbed
    inner join edges
        on climbed.segment_start = edges.segment_start
        and climbed.vendor = edges.sold_vendor
        and climbed.party_id = edges.buyer_id
    -- Cycles are rejected at load; one that slipped through ends here instead of running for ever.
    where
        climbed.party_id <> climbed.root_party_id
        and position('/' || edges.seller_id || '/' in climbed.path) = 0
),

arrived as (
    select
        billing_period,
        segment_start,
        vendor,
        root_party_id,
        owner_party_id,
        height as chain_length,
        path
    from climbed
    where party_id = root_party_id
),

chained as (
    select
        climbed.billing_period,
        climbed.segment_start,
        climbed.vendor,
        climbed.root_party_id,
        climbed.owner_party_id,
        climbed.agreement_id,
        arrived.chain_length - climbed.height + 1 as depth,
        arrived.path
    from climbed
    inner join arrived
        on climbed.billing_period = arrived.billing_period
        and climbed.segment_start = arrived.segment_start
        and climbed.vendor = arrived.vendor
        and climbed.root_party_id = arrived.root_party_id
        and climbed.owner_party_id = arrived.owner_party_id
    where climbed.height > 0
),

vendor_edges as (
    select
        starts.billing_period,
        starts.segment_start,
        starts.vendor,
        starts.root_party_id,
        starts.owner_party_id,
        edges.agreement_id,
        cast(0 as bigint) as depth,
        '/' || starts.root_party_id || '/' as path
    from starts
    inner join edges
        on starts.segment_start = edges.segment_start
        and starts.vendor = edges.sold_vendor
        and starts.root_party_id = edges.buyer_id
    where edges.is_vendor_edge
),

all_edges as (
    select * from chained
    union all
    select * from vendor_edges
),

described as (
    select
        all_edges.*,
        edges.seller_id,
        edges.buyer_id,
        edges.currency,
        edges.cost_view,
        edges.is_vendor_edge
    from all_edges
    inner join edges
        on all_edges.segment_start = edges.segment_start
        and all_edges.vendor = edges.sold_vendor
        and all_edges.agreement_id = edges.agreement_id
)

select * from described
