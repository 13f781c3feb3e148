-- Rated minus already billed: per edge, service period and charge key what is rated now less what was issued, as draft
-- lines of the invoice they are due on. Nothing else makes an invoice line, so late usage, restated bills, changed
-- prices and voids all come out of this one difference, a re-run changes nothing and nothing is billed twice.
with

keys_rated as (
    select * from {{ ref('int_rating__keys_rated') }}
),

keys_rounded as (
    select * from {{ ref('int_rating__keys_rounded') }}
),

ledger_lines as (
    select * from {{ source('lake', 'ledger_lines') }}
),

closes as (
    select * from {{ source('lake', 'ledger_closes') }}
),

agreements as (
    select * from {{ ref('stg_catalog__agreements') }}
),

-- A period that a seller has closed takes no more lines: they go to the first open one.
first_open as (
    select
        seller_id,
        max(billing_period) as last_closed_period,
        {{ add_months('max(billing_period)', 1) }} as first_open_period
    from closes
    group by seller_id
),

both_sides as (
    select
        service_period, due_period, agreement_id, seller_id, buyer_id, charge_key, currency, tax_category, description,
        quantity,
        unit_price,
        exact_amount,
        amount,
        cast(null as varchar) as issued_tax_category
    from keys_rated
    union all
    select
        service_period, due_period, agreement_id, seller_id, buyer_id, charge_key, currency, tax_category,
        'Rounding' as description,
        cast(null as decimal(38, 12)) as quantity,
        cast(null as decimal(38, 12)) as unit_price,
        cast(0 as decimal(38, 12)) as exact_amount,
        amount,
        cast(null as varchar) as issued_tax_category
    from keys_rounded
    union all
    select
        service_period, service_period as due_period, agreement_id, seller_id, buyer_id, charge_key, currency, tax_category,
        description,
        -quantity as quantity,
        cast(null as decimal(38, 12)) as unit_price,
        -exact_amount as exact_amount,
        -amount as amount,
        tax_category as issued_tax_category
    from ledger_lines
),

differenced as (
    select
        service_period,
        agreement_id,
        seller_id,
        buyer_id,
        charge_key,
        currency,
        min(due_period) as due_period,
        -- What was issued keeps its tax category, whatever the catalog says by now.
        coalesce(min(issued_tax_category), min(tax_category)) as tax_category,
        min(description) as description,
        cast(sum(quantity) as decimal(38, 12)) as quantity,
        min(unit_price) as unit_price,
        {{ money('sum(exact_amount)') }} as exact_amount,
        cast(sum(amount) as decimal(38, 4)) as amount
    from both_sides
    group by service_period, agreement_id, seller_id, buyer_id, charge_key, currency
),

originals as (
    select
        service_period,
        agreement_id,
        seller_id,
        buyer_id,
        charge_key,
        currency,
        line_id as original_line_id,
        invoice_id as original_invoice_id
    from ledger_lines
    qualify
        row_number() over (
            partition by service_period, agreement_id, seller_id, buyer_id, charge_key, currency
            order by invoice_period, line_number, line_id
        ) = 1
),

drafted as (
    select
        greatest(differenced.due_period, coalesce(first_open.first_open_period, differenced.due_period)) as invoice_period,
        differenced.service_period,
        differenced.agreement_id,
        differenced.seller_id,
        differenced.buyer_id,
        differenced.charge_key,
        differenced.currency,
        differenced.tax_category,
        differenced.description,
        differenced.quantity,
        case
            when {{ money('differenced.quantity * differenced.unit_price') }} = differenced.exact_amount
                then differenced.unit_price
        end as unit_price,
        differenced.exact_amount,
        differenced.amount,
        case
            when
                originals.original_line_id is not null
                or differenced.service_period <= first_open.last_closed_period then 'Correction'
        end as charge_class,
        originals.original_line_id as corrects_line_id,
        originals.original_invoice_id as corrects_invoice_id,
        -- An agreement whose parties or currency were put right after an issue: what is given back is a document of its
        -- own, to whom and in the money in which it was billed.
        case
            when
                agreements.seller_id <> differenced.seller_id
                or agreements.buyer_id <> differenced.buyer_id
                or agreements.currency <> differenced.currency
                then '/' || differenced.seller_id || '/' || differenced.buyer_id || '/' || differenced.currency
            else ''
        end as former_edge
    from differenced
    left join agreements on differenced.agreement_id = agreements.agreement_id
    left join first_open on differenced.seller_id = first_open.seller_id
    left join originals
        on differenced.service_period = originals.service_period
        and differenced.agreement_id = originals.agreement_id
        and differenced.seller_id = originals.seller_id
        and differenced.buyer_id = originals.buyer_id
        and differenced.charge_key = originals.charge_key
        and differenced.currency = originals.currency
    where differenced.amount <> 0
),

identified as (
    select
        drafted.* exclude (former_edge),
        drafted.invoice_period as billing_period,
        'draft' as status,
        'draft/' || agreement_id || '/' || {{ month_text('invoice_period') }} || former_edge as invoice_id,
        agreement_id || '/' || {{ month_text('invoice_period') }} || former_edge || '/'
        || {{ month_text('service_period') }} || '/' || charge_key as line_id,
        row_number() over (
            partition by agreement_id, invoice_period, former_edge
            order by service_period desc, charge_key
        ) as line_number
    from drafted
)

select * from identified
