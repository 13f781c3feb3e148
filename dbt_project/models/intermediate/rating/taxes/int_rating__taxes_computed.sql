-- Tax of draft invoices: per invoice, tax category and rate, the rounded product of the lines' net sum (EN 16931
-- BR-CO-17), at the rate of the lines' service period.
with

matched as (
    select * from {{ ref('int_rating__taxes_matched') }}
),

currencies as (
    select * from {{ source('lake', 'currencies') }}
),

computed as (
    select
        matched.billing_period,
        matched.invoice_id,
        matched.currency,
        matched.tax_category,
        matched.kind,
        matched.rate,
        cast(sum(matched.net_amount) as decimal(38, 4)) as net_amount,
        {{ round_money('sum(matched.net_amount) * matched.rate', 'currencies.minor_unit') }} as tax_amount
    from matched
    left join currencies on matched.currency = currencies.currency
    group by matched.billing_period, matched.invoice_id, matched.currency, matched.tax_category, matched.kind,
        matched.rate, currencies.minor_unit
)

select * from computed
