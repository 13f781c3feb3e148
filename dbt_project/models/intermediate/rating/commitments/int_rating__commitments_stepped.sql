-- The order in which the commitments and adjustments between a seller and a buyer are settled, each seeing what the ones
-- before made of the charges: minimum, maximum and overage by scope (charge, subscription, agreement), then interval
-- (month, quarter, year), the maximum before the minimum; then adjustments by position; then prepaid by last day. What
-- cannot meet (two subscriptions) shares a step. One row per commitment or adjustment and scope.
{%- set pair = 'partition by seller_id, buyer_id' %}
{%- set same_scope = pair ~ ', phase, scope_level, scope_agreement_id, scope_subscription_id, scope_charge_id' %}
with

scoped as (
    select * from {{ ref('int_rating__commitments_scoped') }}
),

placed as (
    select
        *,
        case phase when 'commitment' then 1 when 'adjustment' then 2 else 3 end as phase_number,
        case kind when 'maximum' then 1 when 'minimum' then 2 when 'overage' then 3 else 0 end as kind_number,
        min(scope_level) over ({{ pair }}, phase) = max(scope_level) over ({{ pair }}, phase) as has_one_scope_level,
        max(case when interval_months = 1 then 0 else 1 end) over ({{ pair }}) = 1 as looks_back
    from scoped
),

-- Prepaid is drawn by last day whatever its scope: only pots of one level can share steps.
queued as (
    select
        *,
        case when phase = 'commitment' then scope_level * 100 + interval_months else position end as place_in_phase,
        case when phase = 'adjustment' then scope_level else kind_number end as place_in_position,
        case
            when phase = 'commitment'
                then row_number() over ({{ same_scope }}, interval_months, kind order by start_date, term_id)
            when phase = 'adjustment' then row_number() over ({{ same_scope }}, position order by term_id)
            when has_one_scope_level then row_number() over ({{ same_scope }} order by end_date, term_id, term_key)
            else row_number() over ({{ pair }}, phase order by end_date, term_id, term_key)
        end as place_in_scope
    from placed
),

stepped as (
    select
        * exclude (phase_number, kind_number, has_one_scope_level, place_in_phase, place_in_position, place_in_scope),
        dense_rank() over (
            {{ pair }} order by phase_number, place_in_phase, place_in_position, place_in_scope
        ) as step_number
    from queued
)

select * from stepped
