-- FOCUS bill rows with their line type (seed bill_line_types), vendor and prices: a view, one row per delivered row. Cost
-- is as the provider printed and amortised it. The join adds no row: the seed has one row per provider name.
with

lines as (
    select * from {{ ref('stg_focus__line_items') }}
),

providers as (
    select * from {{ ref('focus_providers') }}
),

named as (
    select
        lines.*,
        {{ focus_vendor('providers', 'lines.provider_name') }} as vendor,
        case
            when lines.commitment_discount_id is not null
                then case lines.commitment_discount_category when 'Spend' then 'savings_plan' else 'reservation' end
        end as commitment_kind
    from lines
    left join providers on lines.provider_name = providers.provider_name
),

classified as (
    select
        *,
        'FOCUS ' || charge_category || case
            when charge_category = 'Usage' and commitment_status in ('Used', 'Unused')
                then ' ' || lower(commitment_status) || ' of a ' || commitment_kind
            else ''
        end as line_item_type,
        case when charge_category in ('Usage', 'Purchase') then coalesce(pricing_quantity, 0) else 0 end as billed_quantity,
        case when charge_category in ('Usage', 'Purchase') then coalesce(pricing_quantity, 0) else 0 end
            as effective_quantity,
        -- The price without commitments: the contracted one where the bill has it, else the public one. A contracted cost
        -- of 0 beside a list cost is what some providers print for one they do not know.
        case
            when charge_category <> 'Usage' then billed_cost
            when contracted_cost = 0 then coalesce(nullif(list_cost, 0), contracted_cost)
            else coalesce(contracted_cost, list_cost)
        end as price_without_commitments
    from named
)

select * from classified
