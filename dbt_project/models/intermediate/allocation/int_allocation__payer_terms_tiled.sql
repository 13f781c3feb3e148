-- One row per payer and stretch of time: which cost basis holds and who keeps the benefit of sharing. Where two rows of the catalog overlap the later start
-- wins, so that a join by day never gives a bill line two rows.
with

payers as (
    select * from {{ ref('stg_catalog__payers') }}
),

one_per_start as (
    select * from payers
    qualify row_number() over (partition by payer_id, valid_from order by valid_to desc, cost_basis, sharing_benefit, volume_benefit) = 1
),

tiled as (
    select
        payer_id as payer_account_id,
        cost_basis,
        sharing_benefit,
        volume_benefit,
        valid_from,
        least(
            valid_to,
            coalesce(lead(valid_from) over (partition by payer_id order by valid_from), cast('9999-12-31' as date))
        ) as valid_to
    from one_per_start
)

select * from tiled
