-- Fails when an invoice's net amount is not the sum of its lines, or its total not net plus tax.
{{ config(meta={'dagster': {'ref': {'name': 'fct_invoices'}}}) }}
with

line_sums as (
    select
        invoice_id,
        sum(amount) as amount
    from {{ in_run(ref('fct_invoice_lines')) }}
    group by invoice_id
)

select
    invoices.invoice_id,
    invoices.net_amount,
    line_sums.amount as line_amount,
    invoices.total_amount
from {{ in_run(ref('fct_invoices')) }} as invoices
full outer join line_sums on invoices.invoice_id = line_sums.invoice_id
where
    invoices.net_amount is distinct from line_sums.amount
    or invoices.total_amount <> invoices.net_amount + invoices.tax_amount
