-- What each edge charges for cloud cost. An edge charges in its own cost view and is charged in the view of the edge
-- above it: where only one of the two knows a key the other side is zero, and no row is lost.
with

costs as (
    select * from {{ ref('int_rating__costs_assigned') }}
),

priced as (
    select * from {{ ref('int_rating__chain_priced') }}
),

in_the_edges_views as (
    select
        priced.billing_period,
        priced.service_period,
        costs.first_date,
        costs.last_date,
        priced.agreement_id,
        priced.seller_id,
        priced.buyer_id,
        priced.consumer_id,
        priced.is_vendor_edge,
        costs.payer_account_id,
        costs.account_id,
        costs.vendor,
        costs.service_name,
        costs.sku_id,
        costs.charge_category,
        priced.price_rule_id,
        priced.price_kind,
        priced.tax_category,
        priced.currency,
        priced.upstream_currency,
        priced.fx_rate,
        case when priced.price_kind = 'fixed' then priced.value end as unit_price,
        case when priced.cost_view = priced.edge_view then priced.quantity else 0 end as quantity,
        case when priced.cost_view = priced.edge_view then priced.amount else 0 end as amount,
        case when priced.cost_view = priced.upstream_view then priced.upstream_amount else 0 end as upstream_amount,
        case when priced.cost_view = priced.upstream_view then priced.upstream_original_amount else 0 end
            as upstream_original_amount
    from priced
    inner join costs on priced.billing_period = costs.billing_period and priced.cost_id = costs.cost_id
    where priced.cost_view in (priced.edge_view, priced.upstream_view)
),

rated as (
    select
        billing_period,
        service_period,
        min(first_date) as charge_period_start,
        {{ add_days('max(last_date)', 1) }} as charge_period_end,
        vendor || '/' || account_id || '/' || service_name || '/' || sku_id || '/' || charge_category as charge_key,
        agreement_id,
        seller_id,
        buyer_id,
        consumer_id,
        is_vendor_edge,
        payer_account_id,
        account_id,
        vendor,
        service_name,
        sku_id,
        charge_category,
        price_rule_id,
        price_kind,
        tax_category,
        unit_price,
        cast(sum(quantity) as decimal(38, 12)) as quantity,
        {{ money('sum(amount)') }} as amount,
        currency,
        {{ money('sum(upstream_amount)') }} as upstream_amount,
        {{ money('sum(upstream_original_amount)') }} as upstream_original_amount,
        upstream_currency,
        fx_rate
    from in_the_edges_views
    group by all
)

select * from rated
