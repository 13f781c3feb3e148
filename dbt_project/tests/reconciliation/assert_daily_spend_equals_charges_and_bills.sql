-- Fails when a party's days do not sum to what it is charged: its rated charges, and for who pays a vendor the bill.
{{ config(meta={'dagster': {'ref': {'name': 'fct_daily_spend'}}}) }}
with

bills_by_day as (
    select
        account_costs.billing_period,
        roots.party_id,
        account_costs.charge_date,
        account_costs.currency,
        {{ money('sum(account_costs.amount)') }} as amount
    from {{ in_run(ref('fct_account_costs')) }} as account_costs
    inner join {{ in_run(ref('int_rating__payer_views')) }} as payer_views
        on account_costs.billing_period = payer_views.billing_period
        and account_costs.payer_account_id = payer_views.payer_account_id
        and account_costs.vendor = payer_views.vendor
        and account_costs.cost_view = payer_views.cost_view
    inner join (
        select
            billing_period,
            payer_account_id,
            vendor,
            max_by(root_party_id, segment_start) as party_id
        from {{ in_run(ref('int_rating__costs_assigned')) }}
        where root_party_id is not null
        group by billing_period, payer_account_id, vendor
    ) as roots
        on account_costs.billing_period = roots.billing_period
        and account_costs.payer_account_id = roots.payer_account_id
        and account_costs.vendor = roots.vendor
    group by all
),

due as (
    select billing_period, party_id, currency, amount from bills_by_day
    union all
    select billing_period, buyer_id as party_id, currency, amount from {{ in_run(ref('fct_rated_charges')) }}
    where not is_vendor_edge
    union all
    select billing_period, party_id, currency, -amount as amount from {{ in_run(ref('fct_daily_spend')) }}
    where scope = 'party'
)

select
    billing_period,
    party_id,
    currency,
    sum(amount) as difference
from due
group by all
having sum(amount) <> 0
