{{ config(event_time='billing_period') }}
-- Draft and issued lines by the month of their invoice (event_time), so that the mart takes its own month of both.
-- A line of the ledger is shown as it was issued, whatever would be rated today.
with

drafted as (
    select * from {{ ref('int_rating__lines_drafted') }}
),

ledger_lines as (
    select * from {{ source('lake', 'ledger_lines') }}
),

{%- set columns %}
        invoice_period,
        service_period,
        invoice_id,
        line_id,
        line_number,
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
        corrects_line_id
{%- endset %}

billed as (
    select
        invoice_period as billing_period,
        'draft' as status,
        corrects_invoice_id,
        {{ columns }}
    from drafted
    union all
    select
        invoice_period as billing_period,
        'issued' as status,
        corrects_invoice_id,
        {{ columns }}
    from ledger_lines
)

select * from billed
