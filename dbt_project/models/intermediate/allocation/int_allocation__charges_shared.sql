-- Shared charges split by the payer's rules: what leaves each source and what reaches each target. The effective cost of
-- the sources moves, and moves alike in every view but `billed`. Rules run in order, each on what the ones before left or
-- brought (step-down); a rule does not see its own parts. Days and commitments of a source are one row, so that a rule
-- gives at most (sources by account, service and SKU) × targets rows.
{%- set most_rules = 8 %}
{%- set source_key = ['billing_period', 'payer_account_id', 'rule_id', 'origin_account_id', 'service_name', 'sku_id',
    'charge_category', 'currency'] %}
with

groups as (
    select * from {{ ref('int_allocation__bill_grouped') }}
),

rules as (
    select * from {{ ref('int_allocation__sharing_rules') }}
),

weights as (
    select * from {{ ref('int_allocation__sharing_weights') }}
),

ruled_payers as (
    select distinct billing_period, payer_account_id from rules
),

costs as (
    select
        groups.billing_period,
        groups.payer_account_id,
        case groups.effective_component when 'unused' then groups.owner_account_id else groups.usage_account_id end
            as account_id,
        groups.service_name,
        groups.sku_id,
        groups.charge_category,
        groups.currency,
        {{ vendor_amount('sum(groups.effective_cost)') }} as amount
    from groups
    inner join ruled_payers
        using (billing_period, payer_account_id)
    group by all
),
{% for step in range(1, most_rules + 1) %}
sources_{{ step }} as (
    select
        balances.billing_period,
        balances.payer_account_id,
        rules.rule_id,
        rules.method,
        rules.scale,
        balances.account_id as origin_account_id,
        balances.service_name,
        balances.sku_id,
        balances.charge_category,
        balances.currency,
        {{ vendor_amount('sum(balances.amount)') }} as origin_amount
    from (
        select billing_period, payer_account_id, account_id, service_name, sku_id, charge_category, currency, amount
        from costs
        {%- for earlier in range(1, step) %}
        union all
        select billing_period, payer_account_id, account_id, service_name, sku_id, charge_category, currency, amount
        from moved_{{ earlier }}
        {%- endfor %}
    ) as balances
    inner join rules
        on balances.billing_period = rules.billing_period
        and balances.payer_account_id = rules.payer_account_id
        and rules.step_number = {{ step }}
        and rules.match_service in (balances.service_name, 'ANY')
        and rules.match_charge_category in (balances.charge_category, 'ANY')
        and rules.match_account in ({{ part_account('balances.account_id') }}, 'ANY')
    group by all
    having sum(balances.amount) <> 0
),

members_{{ step }} as (
    select
        sources_{{ step }}.*,
        weights.account_id,
        weights.weight,
        {{ divide('weights.weight', 'sum(weights.weight) over (partition by sources_' ~ step ~ '.'
            ~ source_key | join(', sources_' ~ step ~ '.') ~ ')') }} as allocation_ratio
    from sources_{{ step }}
    inner join weights
        on sources_{{ step }}.billing_period = weights.billing_period
        and sources_{{ step }}.payer_account_id = weights.payer_account_id
        and sources_{{ step }}.rule_id = weights.rule_id
        and sources_{{ step }}.currency = weights.currency
        and sources_{{ step }}.origin_account_id <> weights.account_id
),

parts_{{ step }} as (
    {{ split_total('members_' ~ step, source_key, 'origin_amount', 'weight', 'account_id', 'scale') }}
),

moved_{{ step }} as (
    select
        billing_period, payer_account_id, account_id, service_name, sku_id, charge_category, currency, rule_id,
        origin_account_id, method, allocation_ratio, part as amount
    from parts_{{ step }}
    where part <> 0
    union all
    select
        billing_period, payer_account_id, origin_account_id as account_id, service_name, sku_id, charge_category,
        currency, rule_id, origin_account_id, method, {{ money('1') }} as allocation_ratio, -sum(part) as amount
    from parts_{{ step }}
    where part is not null
    group by all
),
{% endfor %}
moved as (
{%- for step in range(1, most_rules + 1) %}
    select * from moved_{{ step }}
    {{ 'union all' if not loop.last }}
{%- endfor %}
),

shared as (
    select
        billing_period,
        payer_account_id,
        account_id,
        service_name,
        sku_id,
        charge_category,
        currency,
        rule_id as allocation_rule_id,
        origin_account_id,
        method as allocation_method,
        allocation_ratio,
        {{ vendor_amount('amount') }} as amount
    from moved
)

select * from shared
