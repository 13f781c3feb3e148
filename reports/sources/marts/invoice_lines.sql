-- One row per invoice line.
select
    invoice_id,
    line_id,
    line_number,
    strftime(invoice_period, '%Y-%m') as month,
    strftime(service_period, '%Y-%m') as service_month,
    agreement_id,
    seller_id,
    buyer_id,
    charge_key,
    description,
    exact_text(quantity) as quantity,
    exact_text(unit_price) as unit_price,
    exact_text(exact_amount) as exact_amount,
    amount,
    lines.currency,
    fmt,
    tax_category,
    charge_class,
    corrects_line_id,
    page_address('/line/', line_id) as address,
    page_address('/invoice/', invoice_id) as invoice_address
from fct_invoice_lines as lines
left join money_formats using (currency)
order by invoice_id, line_number
