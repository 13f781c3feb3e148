-- One row per month, source, account, currency and hop: what the hop carries, how it differs from the hop before, and
-- the figures that explain the difference, to the last decimal. `unexplained` is 0, or something was lost on the way.
with

bill_hops as (
    select * from {{ ref('int_rating__bill_hops') }}
),

resale_hops as (
    select * from {{ ref('int_rating__resale_hops') }}
),

invoice_hops as (
    select * from {{ ref('int_rating__invoice_hops') }}
),

parts as (
    select * from bill_hops
    union all
    select * from resale_hops
    union all
    select * from invoice_hops
),

hop_names as (
    {%- for name in ['delivered', 'landed', 'costed', 'allocated', 'rated', 'invoiced'] %}
    select {{ loop.index }} as hop_number, '{{ name }}' as hop{{ ' union all' if not loop.last }}
    {%- endfor %}
),

-- Every hop of everything that was seen at any hop: what is missing at one is 0 there, and the difference tells.
grid as (
    select
        seen.billing_period,
        seen.source,
        seen.account,
        seen.currency,
        hop_names.hop_number,
        hop_names.hop
    from (select distinct billing_period, source, account, currency from parts) as seen
    cross join hop_names
),

amounts as (
    select billing_period, source, account, currency, hop, sum(amount) as amount
    from parts
    where part is null
    group by all
),

explanations as (
    select
        billing_period,
        source,
        account,
        currency,
        hop,
        sum(amount) as explained,
        {{ dbt.listagg("part || ' ' || cast(" ~ money('amount') ~ " as varchar)", "'; '", 'order by part') }} as explanation
    from parts
    where part is not null and amount <> 0
    group by billing_period, source, account, currency, hop
),

measured as (
    select
        grid.billing_period,
        grid.source,
        grid.account,
        grid.currency,
        grid.hop_number,
        grid.hop,
        {{ vendor_amount('coalesce(amounts.amount, 0)') }} as amount,
        {{ vendor_amount('coalesce(explanations.explained, 0)') }} as explained,
        coalesce(explanations.explanation, 'no difference') as explanation
    from grid
    left join amounts
        on grid.billing_period = amounts.billing_period
        and grid.source = amounts.source
        and grid.account = amounts.account
        and grid.currency = amounts.currency
        and grid.hop = amounts.hop
    left join explanations
        on grid.billing_period = explanations.billing_period
        and grid.source = explanations.source
        and grid.account = explanations.account
        and grid.currency = explanations.currency
        and grid.hop = explanations.hop
),

differenced as (
    select
        *,
        amount - lag(amount, 1, amount) over (
            partition by billing_period, source, account, currency
            order by hop_number
        ) as difference
    from measured
),

reconciled as (
    select
        billing_period,
        source,
        account,
        cast(hop_number as bigint) as hop_number,
        hop,
        amount,
        {{ vendor_amount('difference') }} as difference,
        explained,
        {{ vendor_amount('difference - explained') }} as unexplained,
        explanation,
        currency
    from differenced
)

select * from reconciled
