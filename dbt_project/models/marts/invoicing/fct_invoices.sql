-- One row per invoice, draft and issued. A draft is what its lines add up to, with tax per category; a negative one is
-- a credit note that names what it corrects. A tax rate that is missing holds the draft instead of counting as none; one
-- over exactly nothing is not issued where its seller wants none, and its lines wait for the next.
with

lines as (
    select * from {{ ref('fct_invoice_lines') }}
    where status = 'draft'
),

taxes as (
    select * from {{ ref('int_rating__taxes_computed') }}
),

issued as (
    select * from {{ ref('int_rating__invoices_issued') }}
),

agreements as (
    select agreement_id, payment_terms_days from {{ ref('stg_catalog__agreements') }}
),

sellers as (
    select party_id, zero_invoices from {{ ref('stg_catalog__parties') }}
),

net_amounts as (
    select
        billing_period,
        invoice_id,
        agreement_id,
        seller_id,
        buyer_id,
        invoice_period,
        currency,
        cast(sum(amount) as decimal(38, 4)) as net_amount
    from lines
    group by all
),

corrected as (
    select distinct invoice_id, corrects_invoice_id from lines where corrects_invoice_id is not null
),

references_made as (
    select
        invoice_id,
        {{ dbt.listagg('corrects_invoice_id', "', '", 'order by corrects_invoice_id') }} as refers_to
    from corrected
    group by invoice_id
),

tax_amounts as (
    select
        invoice_id,
        cast(sum(coalesce(tax_amount, 0)) as decimal(38, 4)) as tax_amount,
        count(*) - count(rate) as missing_rates
    from taxes
    group by invoice_id
),

totals as (
    select
        net_amounts.*,
        tax_amounts.tax_amount,
        tax_amounts.missing_rates,
        cast(net_amounts.net_amount + tax_amounts.tax_amount as decimal(38, 4)) as total_amount
    from net_amounts
    left join tax_amounts on net_amounts.invoice_id = tax_amounts.invoice_id
),

drafts as (
    select
        totals.billing_period,
        totals.invoice_id,
        totals.agreement_id,
        totals.seller_id,
        totals.buyer_id,
        totals.invoice_period,
        cast(null as varchar) as invoice_number,
        case when totals.total_amount < 0 then 'credit_note' else 'invoice' end as document_type,
        case when totals.total_amount < 0 then references_made.refers_to end as refers_to,
        'draft' as status,
        case
            when totals.missing_rates > 0 then 'missing_tax_rate'
            when totals.net_amount = 0 and totals.tax_amount = 0 and sellers.zero_invoices = 'none' then 'zero_total'
        end as hold_reason,
        totals.net_amount,
        totals.tax_amount,
        totals.total_amount,
        totals.currency,
        cast(null as timestamp) as issued_at,
        cast(null as varchar) as content_hash,
        cast(null as varchar) as previous_hash,
        cast(null as varchar) as inputs_hash,
        cast(null as varchar) as voided_by,
        cast(null as bigint) as issued_terms_days
    from totals
    left join references_made on totals.invoice_id = references_made.invoice_id
    left join sellers on totals.seller_id = sellers.party_id
),

all_invoices as (
    select * from drafts
    union all
    select
        billing_period,
        invoice_id,
        agreement_id,
        seller_id,
        buyer_id,
        invoice_period,
        invoice_number,
        document_type,
        refers_to,
        case when voided_by is null then 'issued' else 'voided' end as status,
        cast(null as varchar) as hold_reason,
        net_amount,
        tax_amount,
        total_amount,
        currency,
        issued_at,
        content_hash,
        previous_hash,
        inputs_hash,
        voided_by,
        payment_terms_days as issued_terms_days
    from issued
),

-- What was issued stays due when it said, whatever its agreement says by now.
termed as (
    select
        all_invoices.* exclude (issued_terms_days),
        coalesce(all_invoices.issued_terms_days, agreements.payment_terms_days) as payment_terms_days
    from all_invoices
    left join agreements on all_invoices.agreement_id = agreements.agreement_id
),

dated as (
    select
        *,
        case
            when issued_at is not null then {{ add_days('cast(issued_at as date)', 'payment_terms_days') }}
        end as due_date
    from termed
)

select * from dated
