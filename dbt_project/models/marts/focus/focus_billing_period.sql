-- Months of each seller in FOCUS 1.4 (Billing Period). A closed month never opens again: what comes later is a correction
-- in the next open one.
with

billing_periods as (
    select * from {{ ref('dim_billing_period') }}
),

parties as (
    select party_id, name, role from {{ ref('stg_catalog__parties') }}
),

stated as (
    select
        billing_periods.billing_period,
        cast(billing_periods.billing_period as timestamp) as "BillingPeriodCreated",
        cast({{ add_months('billing_periods.billing_period', 1) }} as timestamp) as "BillingPeriodEnd",
        coalesce(billing_periods.closed_at, cast(billing_periods.billing_period as timestamp))
            as "BillingPeriodLastUpdated",
        cast(billing_periods.billing_period as timestamp) as "BillingPeriodStart",
        case billing_periods.status when 'closed' then 'Closed' else 'Open' end as "BillingPeriodStatus",
        coalesce(sellers.name, billing_periods.seller_id) as "InvoiceIssuerName",
        billing_periods.seller_id as "x_SellerId"
    from billing_periods
    left join parties as sellers on billing_periods.seller_id = sellers.party_id
    where coalesce(sellers.role, '-') <> 'vendor'  -- a vendor's invoices are its own, not of this ledger
)

select * from stated
