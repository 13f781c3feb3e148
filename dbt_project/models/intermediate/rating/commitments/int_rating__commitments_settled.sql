-- What minimums, maximums, overage, adjustments and prepaid add to the charges of a month and take off, step by step: each
-- sees the charges and what the steps before made of them. All months up to this one are settled again, because an
-- interval or a pot reaches over several; late usage of an early month thus moves the cut of a later one. One row per
-- commitment or adjustment, scope, month and, for adjustments, tax category.
{%- set most_steps = most_settling_steps() | int %}
{%- set term = 'billing_period, term_key, term_start, currency' %}
{%- set term_month = 'dated.billing_period, dated.term_key, dated.service_period, dated.term_start' %}
{%- set line = 'billing_period, seller_id, buyer_id, agreement_id, subscription_id, charge_id, tax_category, currency, service_period' %}
with

months as (
    select * from {{ ref('int_rating__months') }}
),

dated as (
    select months.billing_period, terms.*
    from {{ ref('int_rating__commitments_dated') }} as terms
    inner join months
        on terms.service_period = months.billing_period
        or (terms.looks_back and terms.service_period < months.billing_period)
    where terms.agreement_id is not null and not terms.is_vendor_edge
),

lines_0 as (
    select months.billing_period, charges.*
    from {{ ref('int_rating__charges_committed') }} as charges
    inner join months on charges.service_period <= months.billing_period
),
{% for step in range(1, most_steps + 1) %}
-- The charges of the scope in each month; of its whole edge, too, so that nothing is taken off twice.
measured_{{ step }} as (
    select
        {{ term_month }},
        case dated.phase when 'adjustment' then lines.tax_category end as charged_category,
        coalesce(sum(
            case
                when dated.is_counted
                    and coalesce(dated.scope_agreement_id, lines.agreement_id) = lines.agreement_id
                    and (dated.scope_subscription_id is null or dated.scope_subscription_id = lines.subscription_id)
                    and (dated.scope_charge_id is null or dated.scope_charge_id = lines.charge_id) then lines.amount
            end
        ), 0) as scope_amount,
        coalesce(sum(
            case when dated.is_counted and dated.agreement_id = lines.agreement_id then lines.amount end
        ), 0) as edge_amount
    from dated
    left join lines_{{ step - 1 }} as lines
        on dated.billing_period = lines.billing_period
        and dated.seller_id = lines.seller_id
        and dated.buyer_id = lines.buyer_id
        and dated.currency = lines.currency
        and dated.service_period = lines.service_period
    where dated.step_number = {{ step }}
    group by {{ term_month }}, case dated.phase when 'adjustment' then lines.tax_category end
),

summed_{{ step }} as (
    select
        dated.*,
        charged_category,
        scope_amount,
        sum(scope_amount) over (partition by {{ term }} order by service_period) as amount_so_far,
        sum(scope_amount) over (partition by {{ term }} order by service_period)
        - sum(scope_amount) over (partition by {{ term }}, service_period) as amount_before,
        greatest(least(
            sum(scope_amount) over (partition by {{ term }}, service_period),
            sum(edge_amount) over (partition by {{ term }}, service_period)
        ), 0) as payable,
        sum(greatest(scope_amount, 0)) over (
            partition by {{ term }}, service_period order by charged_category
        ) as payable_up_to_category
    from measured_{{ step }}
    inner join dated using (billing_period, term_key, service_period, term_start)
),

-- What is left to take from: never more than the scope and its edge still come to in the month.
paid_{{ step }} as (
    select
        *,
        least(payable_up_to_category, payable)
        - least(payable_up_to_category - greatest(scope_amount, 0), payable) as payable_here
    from summed_{{ step }}
),

pots_{{ step }} as (
    select
        *,
        sum(payable_here) over (partition by {{ term }} order by service_period, charged_category) as payable_so_far
    from paid_{{ step }}
),

settled_{{ step }} as (
    select
        billing_period, service_period, term_key, term_start, seller_id, buyer_id, agreement_id, currency,
        scope_subscription_id, scope_charge_id, tax_category, charged_category, amount_so_far,
        {{ money("case
            when kind = 'maximum' then least(amount - amount_so_far, 0) - least(amount - amount_before, 0)
            when kind = 'minimum' and is_last and run_days > 0 then greatest(prorated_amount - amount_so_far, 0)
            when kind = 'overage' and is_last and run_days > 0
                then greatest(prorated_amount - amount_so_far, 0)
                + greatest(amount_so_far - prorated_amount, 0) * (factor - 1)
            when phase = 'adjustment' and share is not null then -1 * payable_here * share
            when phase in ('adjustment', 'prepaid')
                then least(amount, payable_so_far - payable_here) - least(amount, payable_so_far)
            else 0
        end") }} as settled_amount
    from pots_{{ step }}
),

lines_{{ step }} as (
    select {{ line }}, amount from lines_{{ step - 1 }}
    union all
    select
        billing_period, seller_id, buyer_id, agreement_id,
        scope_subscription_id as subscription_id,
        scope_charge_id as charge_id,
        coalesce(tax_category, charged_category) as tax_category,
        currency, service_period,
        settled_amount as amount
    from settled_{{ step }}
    where settled_amount <> 0
),
{% endfor %}
all_settled as (
{%- for step in range(1, most_steps + 1) %}
    select billing_period, service_period, term_key, term_start, charged_category, amount_so_far, settled_amount
    from settled_{{ step }}
    where service_period = billing_period and settled_amount <> 0
    {{ 'union all' if not loop.last }}
{%- endfor %}
),

-- Named as interfaces.md section 5 says: a charge of one subscription has its own key.
settled as (
    select
        billing_period,
        service_period,
        greatest(month_first_day, term_start) as charge_period_start,
        {{ add_days('least(month_last_day, term_last_day)', 1) }} as charge_period_end,
        term_start,
        {{ add_days('term_last_day', 1) }} as term_end,
        step_number,
        case
            when phase = 'adjustment'
                then coalesce(scope_subscription_id, scope_agreement_id) || '/' || term_id || '/adjustment'
                || case when charged_category = 'standard' then '' else '/' || charged_category end
            when scope_level = 1 and scope_subscription_id is not null
                then scope_subscription_id || '/' || scope_charge_id || '/' || kind
            else coalesce(scope_subscription_id, scope_agreement_id) || '/' || term_id || '/' || kind
        end as charge_key,
        agreement_id,
        seller_id,
        buyer_id,
        scope_subscription_id as subscription_id,
        scope_charge_id as charge_id,
        case when phase <> 'adjustment' then term_id end as commitment_id,
        case when phase = 'adjustment' then term_id end as adjustment_id,
        case phase when 'adjustment' then 'adjustment' else kind end as component,
        kind,
        coalesce(tax_category, charged_category) as tax_category,
        coalesce(reason, kind || ' ' || term_id) as description,
        prorated_amount as agreed_amount,
        {{ money('amount_so_far') }} as charged_so_far,
        settled_amount as amount,
        currency
    from all_settled
    inner join dated using (billing_period, service_period, term_key, term_start)
)

select * from settled
