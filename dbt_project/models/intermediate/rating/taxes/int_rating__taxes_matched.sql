-- The tax rate of each draft invoice, category and service period. What a service period was issued with stays between
-- the seller and buyer it was issued between: an agreement put right for another buyer is taxed as that one is. Else the
-- most specific rate of the catalog wins, countries before status before category, at the service period. Reverse charge,
-- exemption and zero are kinds of a rate and give 0; no matching rate is missing, never 0.
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

issued_rates as (
    select * from {{ source('lake', 'ledger_taxes') }}
    qualify
        row_number() over (
            partition by agreement_id, seller_id, buyer_id, service_period, tax_category
            order by sequence
        ) = 1
),

bases as (
    select
        lines.billing_period,
        lines.invoice_id,
        lines.agreement_id,
        lines.seller_id,
        lines.buyer_id,
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
        coalesce(issued_rates.kind, tax_rates.kind) as kind,
        coalesce(
            issued_rates.rate,
            case when tax_rates.kind = 'standard' then tax_rates.rate when tax_rates.kind is not null then 0 end
        ) as rate
    from bases
    left join issued_rates
        on bases.agreement_id = issued_rates.agreement_id
        and bases.seller_id = issued_rates.seller_id
        and bases.buyer_id = issued_rates.buyer_id
        and bases.service_period = issued_rates.service_period
        and bases.tax_category = issued_rates.tax_category
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
)

select * from matched
