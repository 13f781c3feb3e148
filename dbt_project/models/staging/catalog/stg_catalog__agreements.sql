-- The catalog's agreements as last delivered. An empty match column becomes ANY; an empty term its default; an open validity its ends.
with

delivered as (
    select * from {{ source('catalog', 'agreements') }}
),

last_delivered as (
    select * from delivered
    qualify recorded_at = max(recorded_at) over ()
),

defaulted as (
    select
        agreement_id,
        seller_id,
        buyer_id,
        currency,
        coalesce(vendor, 'ANY') as vendor,
        coalesce(cost_view, 'effective') as cost_view,
        coalesce(proration, 'actual_days') as proration,
        coalesce(rounding, 'total') as rounding,
        fx_source,
        fx_fixed_rate,
        cast(coalesce(payment_terms_days, 30) as bigint) as payment_terms_days,
        coalesce(valid_from, cast('1900-01-01' as date)) as valid_from,
        coalesce(valid_to, cast('9999-12-31' as date)) as valid_to,
        recorded_at,
        delivery_id,
        source_file,
        source_row
    from last_delivered
)

select * from defaulted
