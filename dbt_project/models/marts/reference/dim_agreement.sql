-- One row per agreement and validity: an edge of the chain, seller to buyer, with its terms.
with

agreements as (
    select * from {{ ref('stg_catalog__agreements') }}
),

described as (
    select
        agreement_id,
        seller_id,
        buyer_id,
        currency,
        vendor,
        cost_view,
        proration,
        rounding,
        fx_source,
        fx_fixed_rate,
        payment_terms_days,
        valid_from,
        valid_to,
        recorded_at
    from agreements
)

select * from described
