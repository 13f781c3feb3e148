-- What buyers are charged for cloud cost, by day: on every edge but the vendor's a month's charges of a category are spread
-- over days as the cost behind them is, by to-date shares, so that the last day completes the charge exactly.
-- By edge and not by SKU: at 2,000 accounts and three edges that is 60,000 rows to divide instead of 1.9 million.
{%- set whole_charge -%}
partition by cloud_charges.billing_period, cloud_charges.agreement_id, cloud_charges.charge_category, cloud_charges.currency
{%- endset -%}
{%- set charge_days -%}
{{ whole_charge }} order by edge_costs.charge_date rows between unbounded preceding and current row
{%- endset %}
with

account_costs as (
    select * from {{ ref('fct_account_costs') }}
),

rated_charges as (
    select * from {{ ref('fct_rated_charges') }}
    where not is_vendor_edge and amount <> 0 and vendor is not null
),

agreements as (
    select * from {{ ref('stg_catalog__agreements') }}
),

-- In the views somebody buys in: usually one of the five.
grouped_costs as (
    select
        billing_period,
        charge_date,
        payer_account_id,
        coalesce(sub_account_id, payer_account_id) as account_id,
        vendor,
        charge_category,
        cost_view,
        currency,
        {{ vendor_amount('sum(amount)') }} as cost
    from account_costs
    where cost_view in (select cost_view from agreements)
    group by all
),

charged_accounts as (
    select
        rated_charges.billing_period,
        rated_charges.agreement_id,
        rated_charges.buyer_id as party_id,
        agreements.cost_view,
        rated_charges.payer_account_id,
        rated_charges.account_id,
        rated_charges.vendor,
        rated_charges.charge_category,
        rated_charges.currency,
        min(rated_charges.charge_period_start) as first_date,
        max(rated_charges.charge_period_end) as end_date,
        {{ money('sum(rated_charges.amount)') }} as charged
    from rated_charges
    inner join agreements on rated_charges.agreement_id = agreements.agreement_id
    group by all
),

cloud_charges as (
    select
        billing_period,
        agreement_id,
        party_id,
        charge_category,
        currency,
        {{ add_days('max(end_date)', -1) }} as last_date,
        {{ money('sum(charged)') }} as charged
    from charged_accounts
    group by all
),

edge_costs as (
    select
        charged_accounts.billing_period,
        charged_accounts.agreement_id,
        charged_accounts.charge_category,
        charged_accounts.currency,
        grouped_costs.charge_date,
        sum(grouped_costs.cost) as cost
    from charged_accounts
    inner join grouped_costs
        on charged_accounts.billing_period = grouped_costs.billing_period
        and charged_accounts.payer_account_id = grouped_costs.payer_account_id
        and charged_accounts.account_id = grouped_costs.account_id
        and charged_accounts.vendor = grouped_costs.vendor
        and charged_accounts.charge_category = grouped_costs.charge_category
        and charged_accounts.cost_view = grouped_costs.cost_view
        and charged_accounts.first_date <= grouped_costs.charge_date
        and charged_accounts.end_date > grouped_costs.charge_date
    group by all
),

weighed as (
    select
        cloud_charges.*,
        coalesce(edge_costs.charge_date, cloud_charges.last_date) as charge_date,
        {{ money('sum(edge_costs.cost) over (' ~ charge_days ~ ')') }} as cost_to_date,
        {{ money('sum(edge_costs.cost) over (' ~ whole_charge ~ ')') }} as cost_total,
        row_number() over ({{ whole_charge }} order by edge_costs.charge_date) as days_to_date,
        count(*) over ({{ whole_charge }}) as days_total
    from cloud_charges
    left join edge_costs
        on cloud_charges.billing_period = edge_costs.billing_period
        and cloud_charges.agreement_id = edge_costs.agreement_id
        and cloud_charges.charge_category = edge_costs.charge_category
        and cloud_charges.currency = edge_costs.currency
),

-- Costs that cancel out say nothing about days: their charge falls evenly on the days they have. Chosen before it is
-- divided: a division costs 10 microseconds in DuckDB, within a case 20.
parted as (
    select
        *,
        case when cost_total <> 0 then cost_to_date else days_to_date end as part,
        case when cost_total <> 0 then cost_total else days_total end as whole
    from weighed
),

cloud_to_date as (
    select
        billing_period,
        agreement_id,
        party_id,
        charge_category,
        charge_date,
        currency,
        {{ money('charged * ' ~ divide('part', 'whole')) }} as charged_to_date
    from parted
),

spread as (
    select
        billing_period,
        agreement_id,
        party_id,
        charge_category,
        charge_date,
        charged_to_date - coalesce(
            lag(charged_to_date) over (
                partition by billing_period, agreement_id, charge_category, currency order by charge_date
            ),
            0
        ) as amount,
        currency
    from cloud_to_date
)

select * from spread
