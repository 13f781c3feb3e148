-- One row per invoice and line, draft and issued. A draft line is what is rated now minus what was issued of the same
-- key; an issued line is the ledger's, unchanged for ever.
with

billed as (
    select * from {{ ref('int_rating__lines_billed') }}
),

lines as (
    select
        billing_period,
        invoice_period,
        service_period,
        invoice_id,
        line_id,
        cast(line_number as bigint) as line_number,
        status,
        agreement_id,
        seller_id,
        buyer_id,
        charge_key,
        description,
        quantity,
        unit_price,
        exact_amount,
        amount,
        currency,
        tax_category,
        charge_class,
        corrects_line_id,
        corrects_invoice_id
    from billed
)

select * from lines
