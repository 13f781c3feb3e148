-- Account costs grouped as early as they can be: days between two changes of the catalog are one segment, components
-- and commitments of a charge key are one row. Each row knows its owner and the party its payer belongs to; an account,
-- or a part of one that a tag assigns, that nobody owns belongs to the party `unassigned`. Everything after works on these groups.
-- Only in the cost views somebody buys in, and in `effective`, which stands for a bill nobody buys: usually one of the five.
with

account_costs as (
    select * from {{ ref('fct_account_costs') }}
),

-- Once more, because DuckDB writes a step down that is read twice, here every account cost of the month.
costs_by_day as (
    select * from {{ ref('fct_account_costs') }}
),

change_points as (
    select * from {{ ref('int_rating__change_points') }}
),

owners as (
    select * from {{ ref('stg_catalog__resource_owners') }}
),

payers as (
    select * from {{ ref('stg_catalog__payers') }}
),

views_in_use as (
    select cost_view from {{ ref('stg_catalog__agreements') }}
    union distinct
    select 'effective' as cost_view
),

charge_dates as (
    select distinct charge_date from costs_by_day
),

segments as (
    select
        charge_dates.charge_date,
        coalesce(max(change_points.change_date), charge_dates.charge_date) as segment_start
    from charge_dates
    left join change_points on charge_dates.charge_date >= change_points.change_date
    group by charge_dates.charge_date
),

grouped as (
    select
        account_costs.billing_period,
        account_costs.service_period,
        segments.segment_start,
        account_costs.payer_account_id,
        coalesce(account_costs.sub_account_id, account_costs.payer_account_id) as account_id,
        coalesce(account_costs.assigned_by, '-') as assigned_by,
        account_costs.vendor,
        account_costs.service_name,
        account_costs.sku_id,
        account_costs.charge_category,
        account_costs.cost_view,
        account_costs.currency,
        account_costs.list_cost is not null as has_list_cost,
        min(account_costs.charge_date) as first_date,
        max(account_costs.charge_date) as last_date,
        cast(sum(account_costs.quantity) as decimal(38, 12)) as quantity,
        {{ money('sum(account_costs.list_cost)') }} as list_cost,
        {{ vendor_amount('sum(account_costs.amount)') }} as vendor_amount
    from account_costs
    left join segments on account_costs.charge_date = segments.charge_date
    where account_costs.cost_view in (select cost_view from views_in_use)
    group by all
),

owned as (
    select
        grouped.*,
        {{ money('grouped.vendor_amount') }} as amount,
        coalesce(owners.party_id, 'unassigned') as owner_party_id,
        payers.party_id as root_party_id
    from grouped
    left join owners
        on owners.resource_kind || ':' || owners.resource_id
        = case grouped.assigned_by
            when '-' then {{ account_resource_kind('grouped.vendor') }} || ':' || grouped.account_id
            else grouped.assigned_by
        end
        and {{ valid_on('owners', 'grouped.segment_start') }}
    left join payers
        on grouped.payer_account_id = payers.payer_id
        and grouped.vendor = payers.vendor
        and {{ valid_on('payers', 'grouped.segment_start') }}
),

-- A number per row of the month, by business key: the chain is walked by it instead of by ten columns of text.
numbered as (
    select
        *,
        row_number() over (
            partition by billing_period
            order by
                service_period, segment_start, payer_account_id, account_id, assigned_by, vendor, service_name, sku_id,
                charge_category, cost_view, currency, has_list_cost
        ) as cost_id
    from owned
)

select * from numbered
