-- The walk down the chain: each edge prices what the edge above charged, converted once into its own currency. One
-- recursion step per depth, each product cast to 12 decimals, so that margins are differences of exact numbers.
{%- set upstream = money('walked.amount * steps.fx_rate') %}
{%- set list_cost = money('walked.list_cost * steps.fx_rate') %}
with recursive

costs as (
    select * from {{ ref('int_rating__costs_assigned') }}
),

steps as (
    select * from {{ ref('int_rating__chain_steps') }}
),

walked_costs as (
    select distinct cost_id from steps
),

walked as (
    select
        costs.cost_id,
        cast(0 as bigint) as depth,
        costs.amount,
        costs.list_cost,
        costs.amount as upstream_amount,
        costs.amount as upstream_original_amount
    from costs
    inner join walked_costs on costs.cost_id = walked_costs.cost_id
    union all
    select
        walked.cost_id,
        steps.depth,
        case steps.price_kind
            when 'markup' then {{ money(upstream ~ ' * (1 + steps.value)') }}
            when 'discount' then {{ money(list_cost ~ ' * (1 - steps.value)') }}
            when 'fixed' then {{ money('steps.quantity * steps.value') }}
            else {{ upstream }}
        end as amount,
        {{ list_cost }} as list_cost,
        {{ upstream }} as upstream_amount,
        walked.amount as upstream_original_amount
    from walked
    inner join steps
        on walked.cost_id = steps.cost_id
        and steps.depth = walked.depth + 1
    where steps.fx_rate is not null and steps.is_resold
),

-- Who bears the cost in the end: the buyer at the deepest edge the walk reached.
consumers as (
    select
        steps.cost_id,
        max_by(steps.buyer_id, steps.depth) as consumer_id
    from steps
    inner join walked on steps.cost_id = walked.cost_id and steps.depth = walked.depth
    group by steps.cost_id
),

priced as (
    select
        steps.*,
        walked.amount,
        walked.upstream_amount,
        walked.upstream_original_amount,
        consumers.consumer_id
    from walked
    inner join steps on walked.cost_id = steps.cost_id and walked.depth = steps.depth
    inner join consumers on walked.cost_id = consumers.cost_id
)

select * from priced
