-- Invoices in FOCUS 1.4 (Invoice Detail): one row per line of a document, and one per tax category and rate for its tax.
-- Rows of 0 do not exist.
{{ config(meta={'row_key': ['InvoiceDetailId']}) }}

with

items as (
    select * from {{ ref('int_rating__invoice_items_described') }}
),

parties as (
    select party_id, name from {{ ref('stg_catalog__parties') }}
),

detailed as (
    select
        items.billing_period,
        {{ money('items.amount') }} as "BilledCost",
        items.buyer_id as "BillingAccountId",
        items.currency as "BillingCurrency",
        cast({{ add_months('items.billing_period', 1) }} as timestamp) as "BillingPeriodEnd",
        cast(items.billing_period as timestamp) as "BillingPeriodStart",
        items.charge_category as "ChargeCategory",
        -- A draft was not written down by anybody yet: it stands as of its month's beginning.
        coalesce(items.issued_at, cast(items.billing_period as timestamp)) as "InvoiceDetailCreated",
        items.description as "InvoiceDetailDescription",
        {{ json_object_text({
            'x_AgreementId': 'items.agreement_id',
            'x_ServicePeriod': month_text('items.service_period'),
            'x_ChargeKey': 'items.charge_key',
        }) }} as "InvoiceDetailGrain",
        items.item_id as "InvoiceDetailId",
        coalesce(items.issued_at, cast(items.billing_period as timestamp)) as "InvoiceDetailLastUpdated",
        items.invoice_id as "InvoiceId",
        items.issued_at as "InvoiceIssueDate",
        case items.invoice_status when 'draft' then 'Open' when 'issued' then 'Issued' else 'Voided' end
            as "InvoiceIssueStatus",
        coalesce(sellers.name, items.seller_id) as "InvoiceIssuerName",
        items.currency as "PaymentCurrency",
        cast(items.due_date as timestamp) as "PaymentDueDate",
        coalesce('Net ' || cast(items.payment_terms_days as varchar), 'Not agreed') as "PaymentTerms",
        -- A line names the invoice it corrects; a void's document the one it takes back; any other itself.
        coalesce(
            items.corrects_invoice_id,
            case when items.refers_to not like '%,%' then items.refers_to end,
            items.invoice_id
        ) as "ReferenceInvoiceId",
        items.document_type as "x_DocumentType",
        items.quantity as "x_PricingQuantity",
        items.seller_id as "x_SellerId",
        items.tax_category as "x_TaxCategory",
        items.tax_rate as "x_TaxRate",
        items.unit_price as "x_UnitPrice"
    from items
    left join parties as sellers on items.seller_id = sellers.party_id
)

select * from detailed
