-- Tax of draft invoices: per invoice, tax category and rate, the rounded product of the lines' net sum (EN 16931
-- BR-CO-17), at the rate of the lines' service period. The most specific rate wins, countries before status before
-- category. Reverse charge, exemption and zero are kinds of a rate and give 0; no matching rate is missing, never 0.
with

lines as (
    select * from {{ ref('fct_invoice_lines') }}
    where status = 'draft'
),

parties as (
    select * from {{ ref('stg_catalog__parties') }}
),

tax_rates as (
    select * from {{ ref('stg_catalog__tax_rates') }}
),

currencies as (
    select * from {{ source('lake', 'currencies') }}
),

bases as (
    select
        lines.billing_period,
        lines.invoice_id,
        lines.currency,
        lines.tax_category,
        lines.service_period,
        coalesce(sellers.country, 'ANY') as seller_country,
        coalesce(buyers.country, 'ANY') as buyer_country,
        coalesce(buyers.tax_status, 'ANY') as buyer_tax_status,
        sum(lines.amount) as net_amount
    from lines
    left join parties as sellers on lines.seller_id = sellers.party_id
    left join parties as buyers on lines.buyer_id = buyers.party_id
    group by all
),

matched as (
    select
        bases.*,
        tax_rates.kind,
        case when tax_rates.kind = 'standard' then tax_rates.rate when tax_rates.kind is not null then 0 end as rate
    from bases
    left join tax_rates
        on tax_rates.seller_country in (bases.seller_country, 'ANY')
        and tax_rates.buyer_country in (bases.buyer_country, 'ANY')
        and tax_rates.buyer_tax_status in (bases.buyer_tax_status, 'ANY')
        and tax_rates.tax_category in (bases.tax_category, 'ANY')
        and {{ valid_on('tax_rates', 'bases.service_period') }}
    qualify
        row_number() over (
            partition by bases.invoice_id, bases.tax_category, bases.service_period
            order by
                case when tax_rates.seller_country <> 'ANY' then 8 else 0 end
                + case when tax_rates.buyer_country <> 'ANY' then 4 else 0 end
                + case when tax_rates.buyer_tax_status <> 'ANY' then 2 else 0 end
                + case when tax_rates.tax_category <> 'ANY' then 1 else 0 end desc,
                tax_rates.valid_from desc
        ) = 1
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
