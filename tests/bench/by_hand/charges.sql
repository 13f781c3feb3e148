-- Step 2 of the floor: account costs to the rows of fct_rated_charges and fct_margin. Every edge of the month buys in
-- the effective view; three edges to a customer: the vendor's (the bill itself), the distributor's and the reseller's.
-- A product is cast to 12 decimals before the next edge marks it up.

create table agreements as
select agreement_id, seller_id, buyer_id
from read_csv(getvariable('catalog') || '/agreements.csv', all_varchar = true);

create temp table rules as
select rule_id, agreement_id, service as service_name, cast(value as decimal(18, 6)) as value
from read_csv(getvariable('catalog') || '/price_rules.csv', all_varchar = true);

create temp table key_costs as
select
    sub_account_id as account_id,
    service_name,
    sku_id,
    'aws/' || sub_account_id || '/' || service_name || '/' || sku_id || '/' || charge_category as charge_key,
    cast(min(charge_date) as date) as charge_period_start,
    cast(max(charge_date) + 1 as date) as charge_period_end,
    cast(sum(quantity) as decimal(38, 12)) as quantity,
    cast(cast(sum(amount) as decimal(38, 18)) as decimal(38, 12)) as amount
from fct_account_costs
where cost_view = 'effective'
group by all;

-- From each key's owner up: his edge, his reseller's, and the vendor's to the payer's party. A rule for the service
-- beats the edge's default.
create temp table walked as
with edged as (
    select
        key_costs.*,
        customer_edges.buyer_id as consumer_id,
        reseller_edges.agreement_id as reseller_agreement_id,
        reseller_edges.seller_id as distributor_id,
        reseller_edges.buyer_id as reseller_id,
        reseller_rules.rule_id as reseller_rule_id,
        1 + reseller_rules.value as reseller_factor,
        customer_edges.agreement_id as customer_agreement_id,
        coalesce(service_rules.rule_id, default_rules.rule_id) as customer_rule_id,
        1 + coalesce(service_rules.value, default_rules.value) as customer_factor
    from key_costs
    inner join owners using (account_id)
    inner join agreements as customer_edges on owners.customer_id = customer_edges.buyer_id
    inner join agreements as reseller_edges on customer_edges.seller_id = reseller_edges.buyer_id
    inner join rules as reseller_rules on reseller_edges.agreement_id = reseller_rules.agreement_id
    inner join rules as default_rules
        on customer_edges.agreement_id = default_rules.agreement_id and default_rules.service_name is null
    left join rules as service_rules
        on customer_edges.agreement_id = service_rules.agreement_id
        and key_costs.service_name = service_rules.service_name
),

resold as (
    select *, cast(amount * reseller_factor as decimal(38, 12)) as reseller_amount from edged
)

select *, cast(reseller_amount * customer_factor as decimal(38, 12)) as customer_amount from resold;

-- Seats: every entered tier prices its part of the quantity and asks its fee.
create temp table seats as
with tiers as (
    select
        charge_id,
        cast(tier as bigint) as tier,
        cast(lower as decimal(18, 0)) as lower,
        cast(upper as decimal(18, 0)) as upper,
        cast(unit_price as decimal(38, 12)) as unit_price,
        cast(flat_fee as decimal(38, 12)) as flat_fee
    from read_csv(getvariable('catalog') || '/charge_prices.csv', all_varchar = true)
),

subscribed as (
    select subscription_id, seller_id, buyer_id, cast(quantity as decimal(18, 0)) as quantity
    from read_csv(getvariable('catalog') || '/subscriptions.csv', all_varchar = true)
),

entered as (
    select
        subscribed.subscription_id,
        subscribed.seller_id,
        subscribed.buyer_id,
        tiers.*,
        least(subscribed.quantity, coalesce(tiers.upper, subscribed.quantity)) - tiers.lower as part
    from subscribed inner join tiers on subscribed.quantity > tiers.lower
)

select subscription_id, seller_id, buyer_id, charge_id, tier, 'recurring' as component, part as quantity, unit_price
from entered
union all
select subscription_id, seller_id, buyer_id, charge_id, tier, 'tier_fee', 1, flat_fee
from entered
where flat_fee <> 0;

create table fct_rated_charges as
select
    charge_key, 'a-dist' as agreement_id, 'aws' as seller_id, 'dist' as buyer_id, consumer_id, true as is_vendor_edge,
    charge_period_start, charge_period_end, 'usage' as component, cast(null as bigint) as tier, quantity,
    cast(null as decimal(38, 12)) as unit_price, amount, amount as upstream_amount,
    cast(null as varchar) as price_rule_id
from walked
union all
select
    charge_key, reseller_agreement_id, distributor_id, reseller_id, consumer_id, false,
    charge_period_start, charge_period_end, 'usage', null, quantity, null, reseller_amount, amount, reseller_rule_id
from walked
union all
select
    charge_key, customer_agreement_id, reseller_id, consumer_id, consumer_id, false,
    charge_period_start, charge_period_end, 'usage', null, quantity, null, customer_amount, reseller_amount,
    customer_rule_id
from walked
union all
select
    subscription_id || '/' || charge_id || '/' || component, agreement_id, seller_id, buyer_id, buyer_id, false,
    date '2026-01-01', date '2026-02-01', component, tier, quantity, unit_price,
    cast(quantity * unit_price as decimal(38, 12)), 0, null
from seats
inner join agreements using (seller_id, buyer_id);

create table fct_margin as
select
    agreement_id,
    seller_id,
    buyer_id,
    charge_key,
    cast(sum(upstream_amount) as decimal(38, 12)) as buy_amount,
    cast(sum(amount) as decimal(38, 12)) as sell_amount,
    cast(sum(amount) - sum(upstream_amount) as decimal(38, 12)) as margin
from fct_rated_charges
where not is_vendor_edge
group by all;
