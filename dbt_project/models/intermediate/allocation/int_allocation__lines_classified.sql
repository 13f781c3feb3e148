-- Every bill line with what its type makes of it (seed bill_line_types) and its amortised cost: a view, one row per
-- delivered line. The joins add no row: the seed has one row per type, the terms one per payer and day.
with

lines as (
    select * from {{ ref('stg_aws_cur__line_items') }}
),

types as (
    select * from {{ ref('bill_line_types') }}
),

terms as (
    select * from {{ ref('int_allocation__payer_terms_tiled') }}
    where cost_basis = 'net'
),

-- Which columns hold: the net ones where the payer's term asks for them and the bill has them.
typed as (
    select
        lines.*,
        {{ of_type('charge_category') }} as charge_category,
        nullif(types.charge_class, '') as charge_class,
        {{ of_type('charge_frequency') }} as charge_frequency,
        nullif(types.commitment_kind, '') as commitment_kind,
        nullif(types.commitment_status, '') as commitment_status,
        {{ of_type('contracted_rule') }} as contracted_rule,
        case
            when lines.split_parent_resource_id is not null then 'none'
            else {{ of_type('quantity_rule') }}
        end as quantity_rule,
        case
            when lines.split_parent_resource_id is not null then 'zero'
            else {{ of_type('effective_rule') }}
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

-- Covered usage whose effective cost is empty keeps its printed cost. A fee's empty columns are zeros (nothing unused):
-- its printed cost is carried by the usage it covers, and would count twice.
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
                then
                    coalesce(
                        {{ net_or_gross('reservation_net_unused_upfront_fee', 'reservation_unused_upfront_fee') }}, 0
                    )
                    + coalesce(
                        {{ net_or_gross('reservation_net_unused_recurring_fee', 'reservation_unused_recurring_fee') }}, 0
                    )
            when 'savings_plan_usage'
                then coalesce(
                    {{ net_or_gross('savings_plan_net_effective_cost', 'savings_plan_effective_cost') }}, unblended_cost
                )
            when 'savings_plan_fee'
                then coalesce(savings_plan_total_commitment, 0) - coalesce(savings_plan_used_commitment, 0)
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
        -- What the line would cost without commitments: the contracted price where the bill has one, else the public.
        case contracted_rule
            when 'list' then case when quantity_rule <> 'none' then public_on_demand_cost end
            when 'zero' then 0
            else unblended_cost
        end as contracted_cost,
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
