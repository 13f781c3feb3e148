-- One row per month and seller: closed or open, and what the marts know that would hold a close.
with

held as (
    select
        billing_period,
        seller_id,
        count(*) filter (where hold_reason is not null) as held_drafts,
        count(*) filter (where status = 'draft') as drafts
    from fct_invoices
    group by all
),

unrated as (
    select
        billing_period,
        count(*) filter (where holds_close) as unrated
    from fct_unrated_usage
    group by all
),

unexplained as (
    select
        billing_period,
        count(*) filter (where unexplained <> 0) as unexplained
    from fct_reconciliation
    group by all
)

select
    strftime(periods.billing_period, '%Y-%m') as month,
    periods.seller_id,
    coalesce(parties.name, periods.seller_id) as seller,
    periods.status,
    strftime(periods.closed_at, '%Y-%m-%d %H:%M') as closed_at,
    coalesce(held.drafts, 0) as drafts,
    coalesce(held.held_drafts, 0) as held_drafts,
    coalesce(unrated.unrated, 0) as unrated,
    coalesce(unexplained.unexplained, 0) as unexplained
from dim_billing_period as periods
left join dim_party as parties on periods.seller_id = parties.party_id
left join held on periods.billing_period = held.billing_period and periods.seller_id = held.seller_id
left join unrated on periods.billing_period = unrated.billing_period
left join unexplained on periods.billing_period = unexplained.billing_period
order by month desc, seller
