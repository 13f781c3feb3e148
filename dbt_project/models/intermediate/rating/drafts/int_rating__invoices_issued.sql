{{ config(event_time='billing_period') }}
-- Issued invoices as the ledger holds them, by the month of the invoice (event_time).
with

ledger_invoices as (
    select * from {{ source('lake', 'ledger_invoices') }}
),

issued as (
    select
        invoice_period as billing_period,
        ledger_invoices.*
    from ledger_invoices
)

select * from issued
