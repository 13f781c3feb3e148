-- Every bill line with what its type makes of it (seed aws_line_item_types) and its amortised cost: a view, one row per
-- delivered line. The joins add no row: the seed has one row per type, the terms one per payer and day.
with

lines as (
    select * from {{ ref('stg_aws_cur__line_items') }}
),

types as (
    select * from {{ ref('aws_line_item_types') }}
),

terms as (
    select * from {{ ref('int_allocation__payer_terms_tiled') }}
    where cost_basis = 'net'
),

-- Which columns hold: the net ones where the payer's term asks for them and the bill has them.
typed as (
    select
        lines.*,
        coalesce(types.charge_category, 'Adjustment') as charge_category,
        types.charge_class,
        coalesce(types.charge_frequency, 'Usage-Based') as charge_frequency,
        types.commitment_kind,
        types.commitment_status,
        coalesce(types.contracted_rule, 'unblended') as contracted_rule,
        coalesce(types.billed_component, 'on_demand') as billed_component,
        coalesce(types.effective_component, 'on_demand') as effective_component,
        coalesce(types.owner_component, 'on_demand') as owner_component,
        case
            when lines.split_parent_resource_id is not null then 'none'
            else coalesce(types.quantity_rule, 'usage')
        end as quantity_rule,
        case
            when lines.split_parent_resource_id is not null then 'zero'
            else coalesce(types.effective_rule, 'unblended')
        end as effective_rule,
        terms.payer_account_id is not null as is_net
    from lines
    left join types
        on lines.line_item_type = types.line_item_type
    left join terms
        on lines.payer_account_id = terms.payer_account_id
        and last_day(lines.billing_period) >= terms.valid_from
        and last_day(lines.billing_period) < terms.valid_to
),

-- A rule whose columns are empty on the line falls back to the printed cost: better too plain than lost.
amortised as (
    select
        *,
        case effective_rule
            when 'zero' then 0
            when 'fee'
                then case
                    when reservation_arn is not null then 0
                    else {{ net_or_gross('net_unblended_cost', 'unblended_cost') }}
                end
            when 'reservation_usage'
                then coalesce(
                    {{ net_or_gross('reservation_net_effective_cost', 'reservation_effective_cost') }}, unblended_cost
                )
            when 'reservation_fee'
                then case
                    when coalesce(reservation_unused_upfront_fee, reservation_unused_recurring_fee) is null
                        then unblended_cost
                    else
                        coalesce(
                            {{ net_or_gross('reservation_net_unused_upfront_fee', 'reservation_unused_upfront_fee') }}, 0
                        )
                        + coalesce(
                            {{ net_or_gross('reservation_net_unused_recurring_fee', 'reservation_unused_recurring_fee') }},
                            0
                        )
                end
            when 'savings_plan_usage'
                then coalesce(
                    {{ net_or_gross('savings_plan_net_effective_cost', 'savings_plan_effective_cost') }}, unblended_cost
                )
            when 'savings_plan_fee'
                then coalesce(savings_plan_total_commitment - savings_plan_used_commitment, unblended_cost)
            else {{ net_or_gross('net_unblended_cost', 'unblended_cost') }}
        end as amortised_cost
    from typed
),

classified as (
    select
        * exclude (amortised_cost),
        unblended_cost as billed_cost,
        {{ vendor_amount('amortised_cost') }} as effective_cost,
        case when quantity_rule <> 'none' then public_on_demand_cost end as list_cost,
        case when quantity_rule <> 'none' then coalesce(usage_quantity, 0) else 0 end as billed_quantity,
        case quantity_rule
            when 'usage' then coalesce(usage_quantity, 0)
            when 'unused' then coalesce(reservation_unused_quantity, 0)
            else 0
        end as effective_quantity,
        coalesce(reservation_arn, savings_plan_arn) as commitment_discount_id
    from amortised
)

select * from classified
