-- Commitments that would be due and are not settled, with the reason: they stand on no edge or on the vendor's, which is
-- the bill itself, or come after more commitments than can be settled one after the other.
with

dated as (
    select * from {{ ref('int_rating__commitments_dated') }}
),

months as (
    select * from {{ ref('int_rating__months') }}
),

unrated as (
    select
        dated.service_period as billing_period,
        dated.service_period,
        dated.agreement_id,
        dated.scope_subscription_id as subscription_id,
        dated.scope_charge_id as charge_id,
        dated.term_key,
        case
            when dated.is_vendor_edge then 'vendor_edge'
            when dated.agreement_id is null then 'no_agreement'
            else 'too_many_commitments'
        end as reason,
        dated.prorated_amount as amount,
        dated.currency
    from dated
    inner join months on dated.service_period = months.billing_period
    where
        dated.step_number > {{ most_settling_steps() }}
        or dated.is_vendor_edge
        or (dated.agreement_id is null and dated.kind in ('minimum', 'overage') and dated.is_last and dated.run_days > 0)
)

select * from unrated
