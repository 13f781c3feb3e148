-- One row per service period, edge's parties, charge key and currency: what is charged, what was charged the month
-- before, and how much of the change is volume (at the former average price) and how much is price (all the rest).
with

charges as (
    select * from {{ ref('fct_rated_charges') }}
),

-- Seen whole, not only the month of the batch: the month before is what this one is compared with.
all_charges as (
    select * from {{ ref('fct_rated_charges').render() }}
),

months as (
    select distinct billing_period from charges
),

months_compared as (
    select
        billing_period,
        billing_period as charged_period,
        true as is_current
    from months
    union all
    select
        billing_period,
        {{ add_months('billing_period', -1) }} as charged_period,
        false as is_current
    from months
),

compared as (
    select
        months_compared.billing_period,
        charges.seller_id,
        charges.buyer_id,
        charges.charge_key,
        charges.currency,
        {{ money('coalesce(sum(case when is_current then charges.amount end), 0)') }} as amount,
        {{ money('coalesce(sum(case when not is_current then charges.amount end), 0)') }} as previous_amount,
        count(case when is_current then 1 end) > 0 as is_charged,
        count(case when not is_current then 1 end) > 0 as was_charged,
        {{ money("sum(case when is_current and charges.component = 'usage' then charges.quantity end)") }} as quantity,
        {{ money("sum(case when not is_current and charges.component = 'usage' then charges.quantity end)") }}
            as previous_quantity
    from months_compared
    inner join all_charges as charges on months_compared.charged_period = charges.billing_period
    group by all
),

explained as (
    select
        *,
        {{ money('amount - previous_amount') }} as change,
        case
            when quantity <> 0 and previous_quantity <> 0
                then {{ money(divide('previous_amount', 'previous_quantity') ~ ' * (quantity - previous_quantity)') }}
        end as volume_change
    from compared
),

told as (
    select
        billing_period,
        billing_period as service_period,
        seller_id,
        buyer_id,
        charge_key,
        previous_quantity,
        quantity,
        previous_amount,
        amount,
        change,
        volume_change,
        {{ money('change - volume_change') }} as price_change,
        case
            when not was_charged then 'new'
            when not is_charged then 'gone'
            when change = 0 then 'unchanged'
            when volume_change is null then 'other'
            when abs(change - volume_change) < 0.01 then 'volume'
            when quantity = previous_quantity then 'price'
            else 'volume_and_price'
        end as reason,
        currency
    from explained
)

select * from told
