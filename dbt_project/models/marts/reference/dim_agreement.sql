-- One row per agreement and validity: an edge of the chain, seller to buyer, with its terms.
with

agreements as (
    select * from {{ ref('stg_catalog__agreements') }}
),

described as (
    select
        {{ first_of_month('cast(recorded_at as date)') }} as billing_period,
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
