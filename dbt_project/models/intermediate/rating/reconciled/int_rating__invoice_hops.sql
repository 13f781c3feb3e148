-- From rated charges to the lines of invoices, by the service period of the lines whatever invoice they stand on. Cloud
-- cost per payer, subscriptions per seller, rounding lines per agreement. `part` null is the hop's amount, else one
-- explanation of its difference. Lines are those of the ledger and the drafts as they would be made now.
with

months as (
    select * from {{ ref('int_rating__months') }}
),

charges as (
    select * from {{ ref('fct_rated_charges') }}
    where not is_vendor_edge
),

payers as (
    select * from {{ ref('int_rating__payers_delivered') }}
),

keys_rated as (
    select keys.*
    from {{ ref('int_rating__keys_rated') }} as keys
    inner join months on keys.service_period = months.billing_period
),

lines as (
    select drafted.service_period, drafted.agreement_id, drafted.seller_id, drafted.charge_key, drafted.currency, drafted.amount
    from {{ ref('int_rating__lines_drafted') }} as drafted
    inner join months on drafted.service_period = months.billing_period
    union all
    select issued.service_period, issued.agreement_id, issued.seller_id, issued.charge_key, issued.currency, issued.amount
    from {{ source('lake', 'ledger_lines') }} as issued
    inner join months on issued.service_period = months.billing_period
),

rounding_lines as (
    select keys.*
    from {{ ref('int_rating__keys_rounded') }} as keys
    inner join months on keys.service_period = months.billing_period
),

placed_keys as (
    select
        keys_rated.service_period as billing_period,
        case
            when keys_rated.payer_account_id is null then 'subscriptions'
            else coalesce(payers.source, 'no bill')
        end as source,
        coalesce(payers.account, keys_rated.payer_account_id, keys_rated.seller_id) as account,
        keys_rated.agreement_id,
        keys_rated.charge_key,
        keys_rated.currency,
        keys_rated.exact_amount,
        keys_rated.resold_amount,
        keys_rated.amount
    from keys_rated
    left join payers
        on keys_rated.service_period = payers.billing_period
        and keys_rated.payer_account_id = payers.payer_account_id
),

placed_lines as (
    select
        lines.service_period as billing_period,
        case
            when lines.charge_key like lines.agreement_id || '/rounding/%' then 'rounding'
            else coalesce(placed_keys.source, 'no longer rated')
        end as source,
        case
            when lines.charge_key like lines.agreement_id || '/rounding/%' then lines.agreement_id
            else coalesce(placed_keys.account, lines.seller_id)
        end as account,
        lines.currency,
        lines.amount
    from lines
    left join placed_keys
        on lines.service_period = placed_keys.billing_period
        and lines.agreement_id = placed_keys.agreement_id
        and lines.charge_key = placed_keys.charge_key
        and lines.currency = placed_keys.currency
),

-- One scale for all: a union of decimals of different scales would round to the coarser one.
parts as (
    select billing_period, 'subscriptions' as source, seller_id as account, currency, 'rated' as hop,
        cast(null as varchar) as part, {{ vendor_amount('amount') }} as amount
    from charges
    where payer_account_id is null
    union all
    select billing_period, 'subscriptions' as source, seller_id as account, currency, 'rated' as hop,
        case
            when adjustment_id is not null then 'adjusted'
            when commitment_id is not null then 'committed'
            else 'charged by plans'
        end as part, {{ vendor_amount('amount') }} as amount
    from charges
    where payer_account_id is null
    union all
    select billing_period, source, account, currency, 'invoiced' as hop, cast(null as varchar) as part, {{ vendor_amount('amount') }} as amount
    from placed_lines
    union all
    select billing_period, source, account, currency, 'invoiced' as hop, 'also invoiced further up the chain' as part,
        {{ vendor_amount('resold_amount') }} as amount
    from placed_keys
    union all
    select billing_period, source, account, currency, 'invoiced' as hop, 'rounded per line' as part,
        {{ vendor_amount('amount') }} - {{ vendor_amount('exact_amount') }} as amount
    from placed_keys
    union all
    select service_period as billing_period, 'rounding' as source, agreement_id as account, currency, 'invoiced' as hop,
        'rounding lines' as part, {{ vendor_amount('amount') }} as amount
    from rounding_lines
),

hops as (
    select
        billing_period,
        source,
        account,
        currency,
        hop,
        part,
        {{ vendor_amount('sum(amount)') }} as amount
    from parts
    group by all
)

select * from hops
