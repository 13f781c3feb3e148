-- One row per invoice, draft and issued.
select
    strftime(invoice_period, '%Y-%m') as month,
    invoice_id,
    coalesce(invoice_number, 'draft') as number,
    seller_id,
    coalesce(sellers.name, seller_id) as seller,
    buyer_id,
    coalesce(buyers.name, buyer_id) as buyer,
    replace(document_type, '_', ' ') as document,
    status,
    hold_reason,
    refers_to,
    voided_by,
    strftime(issued_at, '%Y-%m-%d') as issued_on,
    strftime(due_date, '%Y-%m-%d') as due_on,
    net_amount,
    tax_amount,
    total_amount,
    invoices.currency,
    fmt,
    page_address('/invoice/', invoice_id) as address
from fct_invoices as invoices
left join dim_party as sellers on invoices.seller_id = sellers.party_id
left join dim_party as buyers on invoices.buyer_id = buyers.party_id
left join money_formats using (currency)
order by month desc, seller, buyer, invoice_id
