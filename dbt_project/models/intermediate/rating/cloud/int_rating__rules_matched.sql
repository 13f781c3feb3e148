-- The price rule of each edge for each kind of cost that flows over it. The most specific match wins: account before
-- SKU before service before vendor before default, and at the same level a rule that names the charge category before
-- one that does not. A rule without a category prices Usage, Purchase and Adjustment; what it does not price, credits and
-- refunds, passes through in its tax category, because they give back what it sold. A fixed price and a discount are for
-- usage: another category goes at cost there, unless a rule names it. No rule: the row stays, rule null.
with

costs as (
    select * from {{ ref('int_rating__costs_assigned') }}
),

edges as (
    select * from {{ ref('int_rating__edges_chained') }}
),

price_rules as (
    select * from {{ ref('stg_catalog__price_rules') }}
),

kinds_of_cost as (
    select distinct
        costs.billing_period,
        costs.segment_start,
        edges.agreement_id,
        costs.vendor,
        costs.account_id,
        costs.service_name,
        costs.sku_id,
        costs.charge_category
    from costs
    inner join edges
        on costs.billing_period = edges.billing_period
        and costs.segment_start = edges.segment_start
        and costs.vendor = edges.vendor
        and costs.root_party_id = edges.root_party_id
        and costs.owner_party_id = edges.owner_party_id
    where edges.depth > 0
),

-- An inner join, and the kinds without a rule joined after it: DuckDB compares every kind with every rule where an outer
-- join asks for one of two values, and each agreement has its own rules.
scored as (
    select
        kinds_of_cost.*,
        price_rules.rule_id as price_rule_id,
        price_rules.kind,
        price_rules.value,
        price_rules.tax_category,
        price_rules.charge_category is not null and price_rules.charge_category <> 'ANY' as names_category,
        price_rules.charge_category <> 'ANY'
        or kinds_of_cost.charge_category in ('Usage', 'Purchase', 'Adjustment') as is_priced,
        case when price_rules.account_id <> 'ANY' then 16 else 0 end
        + case when price_rules.sku <> 'ANY' then 8 else 0 end
        + case when price_rules.service <> 'ANY' then 4 else 0 end
        + case when price_rules.vendor <> 'ANY' then 2 else 0 end
        + case when price_rules.charge_category <> 'ANY' then 1 else 0 end as specificity
    from kinds_of_cost
    inner join price_rules
        on kinds_of_cost.agreement_id = price_rules.agreement_id
        and {{ valid_on('price_rules', 'kinds_of_cost.segment_start') }}
        and price_rules.vendor in (kinds_of_cost.vendor, 'ANY')
        and price_rules.account_id in (kinds_of_cost.account_id, 'ANY')
        and price_rules.service in (kinds_of_cost.service_name, 'ANY')
        and price_rules.sku in (kinds_of_cost.sku_id, 'ANY')
        and price_rules.charge_category in (kinds_of_cost.charge_category, 'ANY')
),

ranked as (
    select
        *,
        row_number() over (
            partition by
                billing_period, segment_start, agreement_id, vendor, account_id, service_name, sku_id, charge_category
            order by is_priced desc, specificity desc, price_rule_id
        ) as place,
        charge_category <> 'Usage' and kind in ('discount', 'fixed') and not names_category as leaves_at_cost
    from scored
),

chosen as (
    select * from ranked
    qualify
        row_number() over (
            partition by
                billing_period, segment_start, agreement_id, vendor, account_id, service_name, sku_id, charge_category
            order by
                case
                    when place = 1 and not leaves_at_cost then 0
                    when names_category then 1
                    else 2
                end,
                place
        ) = 1
),

matched as (
    select
        kinds_of_cost.*,
        case when chosen.is_priced then chosen.price_rule_id end as price_rule_id,
        case when chosen.is_priced then chosen.kind end as kind,
        case when chosen.is_priced then chosen.value end as value,
        chosen.tax_category,
        coalesce(chosen.names_category, false) as names_category,
        case when chosen.is_priced then chosen.specificity end as specificity
    from kinds_of_cost
    left join chosen
        on kinds_of_cost.billing_period = chosen.billing_period
        and kinds_of_cost.segment_start = chosen.segment_start
        and kinds_of_cost.agreement_id = chosen.agreement_id
        and kinds_of_cost.vendor = chosen.vendor
        and kinds_of_cost.account_id = chosen.account_id
        and kinds_of_cost.service_name is not distinct from chosen.service_name
        and kinds_of_cost.sku_id is not distinct from chosen.sku_id
        and kinds_of_cost.charge_category = chosen.charge_category
)

select * from matched
