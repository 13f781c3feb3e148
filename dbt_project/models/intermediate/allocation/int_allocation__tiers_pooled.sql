-- Usage whose price list has volume tiers that more than one customer of the payer fills together: whose it is, and what
-- the pool came to on the bill. Reads the bill's lines once more, but only those of services with tiers: no tiers, no cost.
with

lines as (
    select * from {{ ref('int_allocation__lines_assigned') }}
),

prices as (
    select * from {{ ref('stg_catalog__vendor_prices') }}
    where vendor = 'aws'
),

owners as (
    select * from {{ ref('stg_catalog__resource_owners') }}
),

-- Only AWS's price lists are re-rated by tiers.
aws_payers as (
    select * from {{ ref('int_allocation__payers_billed') }}
    where vendor = 'aws'
),

-- A list is a pool of several SKUs, or else one match of the catalog; only one with several tiers can be pooled.
lists as (
    select
        *,
        {{ pool_of('prices') }} as pool_id,
        count(*) over (partition by service, sku, usage_type, pool, currency, valid_from) as tier_count
    from prices
),

tiered_services as (
    select distinct service from lists
    where tier_count > 1
),

usage as (
    select
        lines.billing_period,
        last_day(lines.billing_period) as last_date,
        lines.payer_account_id,
        lines.usage_account_id as account_id,
        lines.service_name,
        lines.sku_id,
        coalesce(lines.usage_type, '-') as usage_type,
        coalesce(lines.region_id, '-') as region_id,
        coalesce(lines.pricing_unit, '-') as pricing_unit,
        lines.currency,
        sum(lines.effective_quantity) as quantity,
        sum(lines.effective_cost) as effective_amount
    from lines
    inner join tiered_services
        on lines.service_name = tiered_services.service or tiered_services.service = 'ANY'
    where lines.charge_category = 'Usage' and lines.commitment_kind is null
    group by all
),

-- The list of the month's last day holds; the most specific match wins.
matched as (
    select
        usage.*,
        lists.pool_id,
        lists.valid_from as list_from,
        lists.tier_count
    from usage
    inner join aws_payers
        on usage.billing_period = aws_payers.billing_period
        and usage.payer_account_id = aws_payers.payer_account_id
    inner join lists
        on lists.lower = 0
        and lists.service in (usage.service_name, 'ANY')
        and lists.sku in (usage.sku_id, 'ANY')
        and lists.usage_type in (usage.usage_type, 'ANY')
        and usage.currency = lists.currency
        and usage.last_date >= lists.valid_from
        and usage.last_date < lists.valid_to
    qualify
        row_number() over (
            partition by
                usage.billing_period, usage.payer_account_id, usage.account_id, usage.service_name, usage.sku_id,
                usage.usage_type, usage.region_id, usage.pricing_unit, usage.currency
            order by
                case when lists.sku = 'ANY' then 1 else 0 end, case when lists.usage_type = 'ANY' then 1 else 0 end,
                case when lists.service = 'ANY' then 1 else 0 end, lists.pool_id
        ) = 1
),

-- A month's tiers are one affair: an account's customer is the one that owns it on the last day.
owned as (
    select
        matched.billing_period,
        matched.last_date,
        matched.payer_account_id,
        matched.account_id,
        coalesce(owners.party_id, 'account ' || matched.account_id) as customer_id,
        matched.pool_id,
        matched.list_from,
        matched.region_id,
        matched.service_name,
        matched.sku_id,
        matched.pricing_unit,
        matched.currency,
        cast(sum(matched.quantity) as decimal(38, 12)) as quantity,
        {{ vendor_amount('sum(matched.effective_amount)') }} as effective_amount
    from matched
    left join owners
        on {{ owns_part('owners', "'aws'", 'matched.account_id', 'matched.last_date') }}
    where matched.tier_count > 1
    group by all
),

pooled as (
    select
        *,
        account_id || '/' || service_name || '/' || sku_id || '/' || pricing_unit as member_key,
        {{ vendor_amount(
            'sum(effective_amount) over (partition by billing_period, payer_account_id, pool_id, region_id, currency)'
        ) }} as pool_amount
    from owned
    qualify
        min(customer_id) over (partition by billing_period, payer_account_id, pool_id, region_id, currency)
        <> max(customer_id) over (partition by billing_period, payer_account_id, pool_id, region_id, currency)
)

select * from pooled
