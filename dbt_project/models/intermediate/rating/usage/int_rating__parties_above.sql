-- Everyone who may sell the usage of an owner on: the owner itself and all parties above it in the chains of that day,
-- per segment between two changes of the catalog. Vendors do not matter here, an edge server has none.
with recursive

metered as (
    select * from {{ ref('fct_metered_usage') }}
),

change_points as (
    select * from {{ ref('int_rating__change_points') }}
),

agreements as (
    select * from {{ ref('stg_catalog__agreements') }}
),

owners as (
    select distinct billing_period, usage_date, owner_party_id from metered
),

segments as (
    select
        owners.billing_period,
        owners.usage_date,
        owners.owner_party_id,
        coalesce(max(change_points.change_date), owners.usage_date) as segment_start
    from owners
    left join change_points on owners.usage_date >= change_points.change_date
    group by owners.billing_period, owners.usage_date, owners.owner_party_id
),

starts as (
    select distinct billing_period, segment_start, owner_party_id from segments
),

climbed as (
    select
        billing_period,
        segment_start,
        owner_party_id,
        owner_party_id as party_id,
        '/' || owner_party_id || '/' as path
    from starts
    union all
    select
        climbed.billing_period,
        climbed.segment_start,
        climbed.owner_party_id,
        agreements.seller_id as party_id,
        '/' || agreements.seller_id || climbed.path as path
    from climbed
    inner join agreements
        on climbed.party_id = agreements.buyer_id
        and {{ valid_on('agreements', 'climbed.segment_start') }}
    where position('/' || agreements.seller_id || '/' in climbed.path) = 0
),

parties_above as (
    select distinct
        segments.billing_period,
        segments.usage_date,
        segments.owner_party_id,
        climbed.party_id
    from segments
    inner join climbed
        on segments.billing_period = climbed.billing_period
        and segments.segment_start = climbed.segment_start
        and segments.owner_party_id = climbed.owner_party_id
)

select * from parties_above
