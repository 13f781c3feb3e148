-- A vendor bill from its files to the costs of accounts, per delivering account and currency: what each hop carries, and the figures
-- that explain why it differs from the hop before. `part` null is the hop's amount, else one explanation of its
-- difference. Vendor amounts at their own scale. What is costed is the bill's groups, which the costs of accounts start from.
with

months as (
    select * from {{ ref('int_rating__months') }}
),

delivery_totals as (
    select * from {{ source('lake', 'delivery_totals') }}
),

costed_groups as (
    select * from {{ ref('int_allocation__bill_grouped') }}
),

account_costs as (
    select * from {{ ref('fct_account_costs') }}
),

payers as (
    select * from {{ ref('int_rating__payers_delivered') }}
),

payer_views as (
    select * from {{ ref('int_rating__payer_views') }}
),

delivered as (
    select
        months.billing_period,
        delivery_totals.source,
        delivery_totals.account,
        delivery_totals.currency,
        sum(delivery_totals.amount_delivered) as amount_delivered,
        sum(delivery_totals.amount_landed) as amount_landed,
        sum(delivery_totals.amount_quarantined) as amount_quarantined
    from months
    inner join delivery_totals on months.billing_period = delivery_totals.billing_period
    where delivery_totals.is_current and delivery_totals.currency is not null
    group by all
),

viewed_payers as (
    select
        billing_period,
        payer_account_id,
        min(cost_view) as cost_view
    from payer_views
    group by billing_period, payer_account_id
),

costed as (
    select
        costed_groups.billing_period,
        payers.source,
        payers.account,
        costed_groups.currency as currency,
        sum(costed_groups.billed_cost) as billed_cost,
        sum(
            case
                when viewed_payers.cost_view = 'billed' then 0
                else costed_groups.effective_cost - costed_groups.billed_cost
            end
        ) as amortised
    from costed_groups
    inner join payers
        on costed_groups.billing_period = payers.billing_period
        and costed_groups.payer_account_id = payers.payer_account_id
    left join viewed_payers
        on costed_groups.billing_period = viewed_payers.billing_period
        and costed_groups.payer_account_id = viewed_payers.payer_account_id
    group by all
),

allocated as (
    select
        account_costs.billing_period,
        payers.source,
        payers.account,
        account_costs.currency,
        sum(account_costs.amount) as amount
    from account_costs
    inner join payer_views
        on account_costs.billing_period = payer_views.billing_period
        and account_costs.payer_account_id = payer_views.payer_account_id
        and account_costs.vendor = payer_views.vendor
        and account_costs.cost_view = payer_views.cost_view
    inner join payers
        on account_costs.billing_period = payers.billing_period
        and account_costs.payer_account_id = payers.payer_account_id
    group by all
),

hops as (
    select billing_period, source, account, currency, 'delivered' as hop, cast(null as varchar) as part,
        {{ vendor_amount('amount_delivered') }} as amount
    from delivered
    union all
    select billing_period, source, account, currency, 'landed' as hop, cast(null as varchar) as part,
        {{ vendor_amount('amount_landed') }} as amount
    from delivered
    union all
    select billing_period, source, account, currency, 'landed' as hop, 'quarantined' as part,
        {{ vendor_amount('-amount_quarantined') }} as amount
    from delivered
    union all
    select billing_period, source, account, currency, 'costed' as hop, cast(null as varchar) as part,
        {{ vendor_amount('billed_cost') }} as amount
    from costed
    union all
    select billing_period, source, account, currency, 'allocated' as hop, cast(null as varchar) as part,
        {{ vendor_amount('amount') }} as amount
    from allocated
    union all
    select billing_period, source, account, currency, 'allocated' as hop, 'commitments spread over their use' as part,
        {{ vendor_amount('amortised') }} as amount
    from costed
)

select * from hops
