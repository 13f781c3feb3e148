-- Who takes part in each allocation rule of a month, and with which weight: the accounts a rule names, or else every
-- account of the payer with a cost. `even` weighs 1, `fixed` what the rule says, `proportional` the account's cost in the
-- view the rule's driver names (effective where it names none) before anything is shared, `driver` a meter's quantity:
-- usage whose dimension or resource names the account, else the account's part of what its owner used.
with

rules as (
    select * from {{ ref('int_allocation__sharing_rules') }}
),

groups as (
    select * from {{ ref('int_allocation__bill_grouped') }}
),

repriced as (
    select * from {{ ref('int_allocation__costs_repriced') }}
),

borrowed as (
    select * from {{ ref('int_allocation__commitments_borrowed') }}
    where is_across_customers
),

transfers as (
    select * from {{ ref('int_allocation__transfers') }}
),

metered as (
    select * from {{ ref('fct_metered_usage') }}
),

owners as (
    select * from {{ ref('stg_catalog__resource_owners') }}
),

payers as (
    select * from {{ ref('int_allocation__payers_billed') }}
),

ruled_payers as (
    select distinct billing_period, payer_account_id from rules
),

-- `real` and `standalone` start as `effective`, as in fct_account_costs.
amounts as (
{%- for cost_view in ['billed', 'effective', 'owner', 'real', 'standalone'] %}
    select
        billing_period,
        payer_account_id,
        {% if cost_view == 'billed' -%}
        usage_account_id as account_id,
        {%- else -%}
        case
            when effective_component in ('unused'{{ ", 'used'" if cost_view == 'owner' }}) then owner_account_id
            else usage_account_id
        end as account_id,
        {%- endif %}
        currency,
        '{{ cost_view }}' as cost_view,
        {{ 'billed_cost' if cost_view == 'billed' else 'effective_cost' }} as amount
    from groups
    union all
{%- endfor %}
    select billing_period, payer_account_id, sub_account_id as account_id, currency, 'standalone' as cost_view, amount
    from repriced
    union all
    -- What is borrowed from another customer is not seen in `standalone`: `repriced` has what stands for it.
    select
        billing_period,
        payer_account_id,
        from_account_id as account_id,
        currency,
        'standalone' as cost_view,
        -effective_cost as amount
    from borrowed
    union all
    select billing_period, payer_account_id, from_account_id as account_id, currency, 'real' as cost_view, amount
    from transfers
    union all
    select billing_period, payer_account_id, to_account_id as account_id, currency, 'real' as cost_view, -amount as amount
    from transfers
),

costs as (
    select
        amounts.billing_period,
        amounts.payer_account_id,
        amounts.account_id,
        amounts.currency,
        amounts.cost_view,
        {{ vendor_amount('sum(amounts.amount)') }} as amount
    from amounts
    inner join ruled_payers
        using (billing_period, payer_account_id)
    group by all
),

currencies as (
    select distinct billing_period, payer_account_id, currency from costs
),

listed as (
    {{ split_to_rows('rules', 'billing_period, rule_id', "coalesce(targets, '')", ';') }}
),

named as (
    select
        billing_period,
        rule_id,
        trim(split_part(part, '=', 1)) as account_id,
        {{ money("coalesce(nullif(trim(split_part(part, '=', 2)), ''), '1')") }} as fixed_weight
    from listed
    where trim(part) <> ''
),

members as (
    select
        rules.billing_period,
        rules.payer_account_id,
        rules.rule_id,
        rules.method,
        rules.driver,
        currencies.currency,
        named.account_id,
        named.fixed_weight
    from rules
    inner join currencies
        using (billing_period, payer_account_id)
    inner join named
        using (billing_period, rule_id)
    union all
    select
        rules.billing_period,
        rules.payer_account_id,
        rules.rule_id,
        rules.method,
        rules.driver,
        costs.currency,
        costs.account_id,
        {{ money('1') }} as fixed_weight
    from rules
    inner join costs
        using (billing_period, payer_account_id)
    left join named
        using (billing_period, rule_id)
    where costs.cost_view = 'effective' and costs.amount <> 0 and named.rule_id is null
),

-- The owner of the month's last day, like everything a month decides as a whole. Usage of an owner with several accounts
-- among the members counts in equal parts for each.
driven_members as (
    select
        members.billing_period,
        members.rule_id,
        members.driver,
        members.currency,
        members.account_id,
        owners.party_id,
        count(*) over (
            partition by members.billing_period, members.rule_id, members.currency, owners.party_id
        ) as account_count
    from members
    left join payers
        on members.billing_period = payers.billing_period
        and members.payer_account_id = payers.payer_account_id
    left join owners
        on {{ owns_part('owners', 'payers.vendor', 'members.account_id', 'last_day(members.billing_period)') }}
    where members.method = 'driver'
),

measured as (
    select
        billing_period,
        meter_id,
        owner_party_id,
        case when dimension_value = '' then resource_id else dimension_value end as named_account_id,
        sum(quantity) as quantity
    from metered
    group by all
),

driven as (
    select
        driven_members.billing_period,
        driven_members.rule_id,
        driven_members.currency,
        driven_members.account_id,
        sum(
            case
                when measured.named_account_id = driven_members.account_id then {{ money('measured.quantity') }}
                else {{ divide('measured.quantity', 'driven_members.account_count') }}
            end
        ) as quantity
    from driven_members
    inner join measured
        on driven_members.billing_period = measured.billing_period
        and driven_members.driver = measured.meter_id
        and (
            driven_members.account_id = measured.named_account_id
            or driven_members.party_id = measured.owner_party_id
        )
    -- What names an account counts for that account alone.
    left join driven_members as named_members
        on driven_members.billing_period = named_members.billing_period
        and driven_members.rule_id = named_members.rule_id
        and driven_members.currency = named_members.currency
        and measured.named_account_id = named_members.account_id
    where named_members.account_id is null or named_members.account_id = driven_members.account_id
    group by all
),

weights as (
    select
        members.billing_period,
        members.payer_account_id,
        members.rule_id,
        members.currency,
        members.account_id,
        {{ money("""case members.method
            when 'even' then 1
            when 'fixed' then members.fixed_weight
            when 'proportional' then greatest(coalesce(costs.amount, 0), 0)
            else coalesce(driven.quantity, 0)
        end""") }} as weight
    from members
    left join costs
        on members.billing_period = costs.billing_period
        and members.payer_account_id = costs.payer_account_id
        and members.account_id = costs.account_id
        and members.currency = costs.currency
        and coalesce(members.driver, 'effective') = costs.cost_view
    left join driven
        on members.billing_period = driven.billing_period
        and members.rule_id = driven.rule_id
        and members.currency = driven.currency
        and members.account_id = driven.account_id
)

select * from weights
