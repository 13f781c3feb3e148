-- Step 1 of the floor: the landed bill to the rows of fct_account_costs, fct_sharing_settlement and
-- fct_account_waterfall. Knows what the bench's month has: usage, reservations and savings plans bought by another
-- account than uses them, and volume tiers pooled over the payer and shared out pro rata. In: variables files (landed
-- Parquet), catalog (folder) and payer.

create table owners as
select resource_id as account_id, party_id as customer_id
from read_csv(getvariable('catalog') || '/resource_owners.csv', all_varchar = true);

-- The one reading of the lines: an account's day of one SKU, apart for each commitment it drew on.
create temp table groups as
select
    line_item_usage_account_id as account_id,
    line_item_product_code as service_name,
    product_sku as sku_id,
    cast(line_item_usage_start_date as date) as charge_date,
    case
        when line_item_line_item_type = 'DiscountedUsage' then reservation_reservation_a_r_n
        when line_item_line_item_type like 'SavingsPlan%' then savings_plan_savings_plan_a_r_n
        else '-'
    end as commitment_id,
    sum(line_item_unblended_cost) as billed_cost,
    sum(
        case line_item_line_item_type
            when 'Usage' then line_item_unblended_cost
            when 'DiscountedUsage' then reservation_effective_cost
            when 'SavingsPlanCoveredUsage' then savings_plan_savings_plan_effective_cost
        end
    ) as effective_cost,
    -- Covered by a savings plan, a line prints what it would cost on demand; by a reservation, only the public price.
    sum(
        case line_item_line_item_type
            when 'DiscountedUsage' then pricing_public_on_demand_cost
            when 'SavingsPlanCoveredUsage' then line_item_unblended_cost
        end
    ) as on_demand_cost,
    sum(case when line_item_line_item_type <> 'SavingsPlanNegation' then pricing_public_on_demand_cost end)
        as list_cost,
    sum(case when line_item_line_item_type <> 'SavingsPlanNegation' then line_item_usage_amount end) as quantity
from read_parquet(getvariable('files'))
group by all;

-- A commitment's owner stands in its ARN. A negation alone has nothing that somebody could owe.
create temp table borrowed as
select
    account_id,
    split_part(commitment_id, ':', 5) as owner_id,
    case when commitment_id like '%:savingsplans:%' then 'savings_plan' else 'ri' end as mechanism,
    service_name,
    sku_id,
    charge_date,
    commitment_id,
    billed_cost,
    coalesce(effective_cost, 0) as effective_cost,
    coalesce(on_demand_cost, 0) as on_demand_cost,
    list_cost,
    coalesce(quantity, 0) as quantity
from groups
where commitment_id <> '-';

-- Service7's tiers: what each customer's usage on demand would cost it alone, ...
create temp table pooled as
select
    account_id,
    customer_id,
    service_name,
    sku_id,
    cast(sum(quantity) as decimal(18, 0)) as quantity,
    sum(effective_cost) as effective_amount
from groups inner join owners using (account_id)
where service_name = 'Service7' and commitment_id = '-'
group by all;

create temp table customers_alone as
with customers as (
    select customer_id, sum(quantity) as quantity from pooled group by customer_id
),

tiers as (
    select
        cast(lower as decimal(18, 0)) as lower,
        cast(upper as decimal(18, 0)) as upper,
        cast(unit_price as decimal(18, 6)) as unit_price
    from read_csv(getvariable('catalog') || '/vendor_prices.csv', all_varchar = true)
)

select
    customer_id,
    customers.quantity,
    sum((least(customers.quantity, coalesce(upper, customers.quantity)) - lower) * unit_price) as amount
from customers inner join tiers on customers.quantity > tiers.lower
group by all;

-- ... shared over its SKUs by quantity, and the pool's amount over all of them by that. Largest remainder, in whole
-- 1e-12: everybody gets the floor of his share, the largest remainders one more, ties the smaller key.
create temp table standalone_parts as
with counted as (
    select
        pooled.*,
        account_id || '/' || service_name || '/' || sku_id || '/Hrs' as member_key,
        cast(amount * 1000000000000 as hugeint) as units,
        cast(pooled.quantity as hugeint) as weight,
        cast(customers_alone.quantity as hugeint) as weights
    from pooled inner join customers_alone using (customer_id)
),

ranked as (
    select
        *,
        units * weight // weights as whole,
        units - sum(units * weight // weights) over (partition by customer_id) as left_over,
        row_number() over (partition by customer_id order by units * weight % weights desc, member_key) as position
    from counted
)

select
    account_id,
    service_name,
    sku_id,
    member_key,
    effective_amount,
    cast(whole as hugeint) + cast(position <= left_over as integer) as standalone_units
from ranked;

create temp table volume_parts as
with counted as (
    select
        *,
        sum(effective_amount) over () as pool_amount,
        cast(cast(sum(effective_amount) over () as decimal(38, 12)) * 1000000000000 as hugeint) as units,
        cast(sum(standalone_units) over () as hugeint) as weights
    from standalone_parts
),

ranked as (
    select
        *,
        units * standalone_units // weights as whole,
        units - sum(units * standalone_units // weights) over () as left_over,
        row_number() over (order by units * standalone_units % weights desc, member_key) as position
    from counted
),

-- The total is shared out as rounded to 12 decimals, like every amount; what it has more or less goes to the first.
shared_out as (
    select
        *,
        cast(standalone_units as decimal(38, 0)) * 0.000000000001 as standalone_amount,
        cast(whole + cast(position <= left_over as integer) as decimal(38, 0)) * 0.000000000001
        + case when position = 1 then pool_amount - cast(units as decimal(38, 0)) * 0.000000000001 else 0 end
            as real_amount
    from ranked
)

select account_id, service_name, sku_id, effective_amount, standalone_amount, real_amount from shared_out;

-- Who pays whom: a borrower the owner what it saved, and members of the pool what they saved, to or from the payer.
create temp table transfers as
select
    account_id as from_account_id,
    owner_id as to_account_id,
    mechanism,
    service_name,
    sku_id,
    charge_date,
    commitment_id,
    on_demand_cost - effective_cost as amount,
    effective_cost as lent_amount
from borrowed
union all
select
    case when real_amount > effective_amount then account_id else getvariable('payer') end,
    case when real_amount > effective_amount then getvariable('payer') else account_id end,
    'volume_tier',
    service_name,
    sku_id,
    date '2026-01-31',
    '-',
    abs(real_amount - effective_amount),
    0
from volume_parts
where real_amount <> effective_amount;

create table fct_sharing_settlement as
select
    from_account_id,
    to_account_id,
    mechanism,
    cast(sum(amount) as decimal(38, 18)) as amount,
    cast(sum(lent_amount) as decimal(38, 18)) as lent_amount
from transfers
group by all;

-- The five views. Usage on demand is the same in all; the tiers' difference meets it on the month's last day.
create table fct_account_costs as
with on_demand as (
    select
        account_id, service_name, sku_id, charge_date, 'Usage' as charge_category, 'on_demand' as component,
        '-' as commitment_id, quantity, list_cost, effective_cost as amount, '-' as other_id
    from groups
    where commitment_id = '-'
),

tiered as (
    select
        account_id, service_name, sku_id, date '2026-01-31' as charge_date,
        standalone_amount - effective_amount as amount
    from volume_parts
    where standalone_amount <> effective_amount
),

alone as (
    select
        account_id, service_name, sku_id, charge_date, 'Usage', 'on_demand', '-', coalesce(on_demand.quantity, 0),
        on_demand.list_cost, coalesce(on_demand.amount, 0) + coalesce(tiered.amount, 0), '-'
    from on_demand
    full join tiered using (account_id, service_name, sku_id, charge_date)
),

lent as (
    select
        owner_id, mechanism, service_name, sku_id, charge_date, commitment_id,
        sum(quantity) as quantity, sum(list_cost) as list_cost, sum(effective_cost) as amount
    from borrowed
    group by all
),

-- The owner is credited; a borrower pays in the price of what it borrowed. A member of the pool has no such row.
settled as (
    select
        to_account_id as account_id, from_account_id as other_id, service_name, sku_id, charge_date, commitment_id,
        -amount as amount
    from transfers
    union all
    select from_account_id, to_account_id, service_name, sku_id, charge_date, commitment_id, amount
    from transfers
    where mechanism = 'volume_tier'
),

seen as (
    select 'billed' as cost_view, * from on_demand
    union all
    select 'effective', * from on_demand
    union all
    select 'owner', * from on_demand
    union all
    select 'real', * from on_demand
    union all
    select 'standalone', * from alone
    union all
    select
        'billed', account_id, service_name, sku_id, charge_date, 'Usage', 'borrowed', commitment_id, quantity,
        list_cost, billed_cost, '-'
    from borrowed
    union all
    select
        'effective', account_id, service_name, sku_id, charge_date, 'Usage', 'borrowed', commitment_id, quantity,
        list_cost, effective_cost, '-'
    from borrowed
    union all
    select
        'owner', owner_id, service_name, sku_id, charge_date, 'Usage', 'lent', commitment_id, quantity,
        list_cost, amount, '-'
    from lent
    union all
    select
        'real', account_id, service_name, sku_id, charge_date, 'Usage', 'borrowed', commitment_id, quantity,
        list_cost, on_demand_cost, '-'
    from borrowed
    union all
    select
        'real', account_id, service_name, sku_id, charge_date, 'Adjustment', 'settlement', commitment_id, 0,
        null, sum(amount), other_id
    from settled
    group by all
    union all
    select
        'standalone', account_id, service_name, sku_id, charge_date, 'Usage', 'on_demand', commitment_id, quantity,
        list_cost, on_demand_cost, '-'
    from borrowed
    union all
    select
        'standalone', owner_id, service_name, sku_id, charge_date, 'Purchase', 'unused', commitment_id,
        case mechanism when 'ri' then quantity else 0 end, null, amount, '-'
    from lent
)

select
    cost_view,
    account_id as sub_account_id,
    service_name,
    sku_id,
    charge_date,
    charge_category,
    component,
    commitment_id as commitment_discount_id,
    other_id as origin_account_id,
    cast(quantity as decimal(38, 18)) as quantity,
    cast(list_cost as decimal(38, 18)) as list_cost,
    cast(amount as decimal(38, 18)) as amount
from seen
where cost_view = 'billed' or quantity <> 0 or list_cost <> 0 or amount <> 0;

-- From the bill to `real`, account by account: what amortising changes, then what is owed.
create table fct_account_waterfall as
with steps as (
    select
        sub_account_id as account_id,
        case cost_view when 'billed' then 1 when 'effective' then 4 else 6 end as step_number,
        cost_view as step,
        '-' as commitment_id,
        '-' as other_account_id,
        amount
    from fct_account_costs
    where cost_view in ('billed', 'effective', 'real')
    union all
    select account_id, 2, 'borrowed', commitment_id, owner_id, effective_cost - billed_cost
    from borrowed
    union all
    select from_account_id, 5, mechanism || '_paid', commitment_id, to_account_id, amount
    from transfers
    union all
    select to_account_id, 5, mechanism || '_received', commitment_id, from_account_id, -amount
    from transfers
)

select
    account_id,
    step_number,
    step,
    commitment_id as commitment_discount_id,
    other_account_id,
    cast(sum(amount) as decimal(38, 18)) as amount
from steps
group by all
having step_number in (1, 4, 6) or sum(amount) <> 0;
