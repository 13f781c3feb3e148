-- What the landed bills themselves add up to, per month, delivery, payer, line type and currency: the yardstick of the
-- reconciliation tests. Deliberately apart from the seed and from every join it measures: the amortised cost is AWS's
-- own formula, written out once more, and what a FOCUS bill prints. One scan of few columns, so that no test has to read
-- the lines again.
with

lines as (
    select * from {{ ref('stg_aws_cur__line_items') }}
),

focus_lines as (
    select * from {{ ref('stg_focus__line_items') }}
),

terms as (
    select * from {{ ref('int_allocation__payer_terms_tiled') }}
),

amortised as (
    select
        *,
        case
            when split_parent_resource_id is not null then 0
            when line_item_type = 'SavingsPlanCoveredUsage' then coalesce(savings_plan_effective_cost, unblended_cost)
            when line_item_type = 'SavingsPlanRecurringFee'
                then coalesce(savings_plan_total_commitment, 0) - coalesce(savings_plan_used_commitment, 0)
            when line_item_type in ('SavingsPlanNegation', 'SavingsPlanUpfrontFee') then 0
            when line_item_type = 'DiscountedUsage' then coalesce(reservation_effective_cost, unblended_cost)
            when line_item_type = 'RIFee'
                then coalesce(reservation_unused_upfront_fee, 0) + coalesce(reservation_unused_recurring_fee, 0)
            when line_item_type = 'Fee' and reservation_arn is not null then 0
            else unblended_cost
        end as amortised_cost,
        -- What the net column adds to the gross one, where the bill has it: zero in most bills.
        case
            when split_parent_resource_id is not null then 0
            when line_item_type in ('SavingsPlanRecurringFee', 'SavingsPlanNegation', 'SavingsPlanUpfrontFee') then 0
            when line_item_type = 'SavingsPlanCoveredUsage'
                then savings_plan_net_effective_cost - coalesce(savings_plan_effective_cost, unblended_cost)
            when line_item_type = 'DiscountedUsage'
                then reservation_net_effective_cost - coalesce(reservation_effective_cost, unblended_cost)
            when line_item_type = 'RIFee'
                then
                    coalesce(reservation_net_unused_upfront_fee - coalesce(reservation_unused_upfront_fee, 0), 0)
                    + coalesce(reservation_net_unused_recurring_fee - coalesce(reservation_unused_recurring_fee, 0), 0)
            when line_item_type = 'Fee' and reservation_arn is not null then 0
            else net_unblended_cost - unblended_cost
        end as net_difference
    from lines
),

grouped as (
    select
        'aws_cur' as source,
        'AWS' as provider_name,
        billing_period,
        delivery_id,
        payer_account_id,
        line_item_type,
        currency,
        count(*) as line_count,
        sum(unblended_cost) as billed_cost,
        sum(amortised_cost) as amortised_cost,
        sum(net_difference) as net_difference,
        count(split_parent_resource_id) as split_line_count,
        sum(case when split_parent_resource_id is not null then unblended_cost else 0 end) as split_billed_cost
    from amortised
    group by all
    union all
    select
        'focus' as source,
        provider_name,
        billing_period,
        delivery_id,
        payer_account_id,
        'FOCUS ' || charge_category as line_item_type,
        currency,
        count(*) as line_count,
        sum(billed_cost) as billed_cost,
        sum(effective_cost) as amortised_cost,
        cast(0 as decimal(38, 18)) as net_difference,
        0 as split_line_count,
        cast(0 as decimal(38, 18)) as split_billed_cost
    from focus_lines
    group by all
),

totaled as (
    select
        grouped.source,
        grouped.provider_name,
        grouped.billing_period,
        grouped.delivery_id,
        grouped.payer_account_id,
        grouped.line_item_type,
        grouped.currency,
        cast(grouped.line_count as bigint) as line_count,
        {{ vendor_amount('grouped.billed_cost') }} as billed_cost,
        {{ vendor_amount(
            "grouped.amortised_cost + case when terms.cost_basis = 'net' then coalesce(grouped.net_difference, 0) else 0 end"
        ) }} as effective_cost,
        cast(grouped.split_line_count as bigint) as split_line_count,
        {{ vendor_amount('grouped.split_billed_cost') }} as split_billed_cost
    from grouped
    left join terms
        on grouped.payer_account_id = terms.payer_account_id
        and last_day(grouped.billing_period) >= terms.valid_from
        and last_day(grouped.billing_period) < terms.valid_to
)

select * from totaled
