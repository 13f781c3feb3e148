-- One row per party of the chain, as the last catalog knows it.
with

parties as (
    select * from {{ ref('stg_catalog__parties') }}
),

described as (
    select
        {{ first_of_month('cast(recorded_at as date)') }} as billing_period,
        party_id,
        name,
        role,
        country,
        time_zone,
        tax_id,
        tax_status,
        email,
        invoice_prefix,
        zero_invoices,
        recorded_at
    from parties
)

select * from described
